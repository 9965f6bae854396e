"use strict";
// Draws the graph that stands in the page as JSON. What comes from there is put into the page as
// text and never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const GROUPS = { user: "Code", library: "Libraries", data: "Data", unresolved: "Unresolved", chance: "Chance" };
  const STATES = {
    changed: "changed since the last result",
    stale: "depends on what changed",
    fresh: "as it was",
  };
  const MANY = 260; // nodes that the careful layout takes too long for
  const CROWDED = 90; // nodes of which libraries are not shown at first
  const FONT = "12px ui-sans-serif, system-ui, sans-serif";

  const nodes = data.nodes;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const counts = {};
  for (const node of nodes) counts[node.group] = (counts[node.group] || 0) + 1;
  const shown = new Set(Object.keys(GROUPS));
  if (nodes.length > CROWDED) shown.delete("library");
  let selected = null;
  let near = false;
  let hits = [];
  let hit = -1;

  // --- the graph ----------------------------------------------------------------------

  const pen = document.createElement("canvas").getContext("2d");
  pen.font = FONT;
  const ROOM = { user: 22, library: 26, data: 38, unresolved: 22, chance: 26 };
  const width = (node) =>
    Math.min(300, Math.ceil(pen.measureText(node.label).width) + ROOM[node.group]);

  function colours() {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(`--${name}`).trim();
  }

  function look() {
    const colour = colours();
    const sheet = [
      {
        selector: "node",
        style: {
          label: "data(label)", "font-size": 12, "font-family": "system-ui, sans-serif",
          "text-valign": "center", "text-halign": "center", "text-wrap": "ellipsis",
          "text-max-width": 280, "min-zoomed-font-size": 6, color: colour("text"),
          shape: "round-rectangle", width: "data(width)", height: 28,
          "background-color": colour("panel"), "border-width": 1.5,
        },
      },
      {
        selector: "edge",
        style: {
          width: 1, "line-color": colour("soft"), "line-opacity": 0.45, "curve-style": "bezier",
          "target-arrow-shape": "triangle", "target-arrow-color": colour("soft"),
          "arrow-scale": 0.8,
        },
      },
      { selector: "edge.plain", style: { "curve-style": "straight", "line-opacity": 0.25 } },
    ];
    for (const group of Object.keys(GROUPS)) {
      sheet.push({ selector: `node.${group}`, style: { "border-color": colour(group) } });
    }
    sheet.push(
      { selector: "node.library", style: { shape: "cut-rectangle" } },
      { selector: "node.data", style: { shape: "round-tag", "text-margin-x": -5 } },
      { selector: "node.unresolved", style: { "border-style": "dashed", color: colour("unresolved") } },
      { selector: "node.class", style: { "border-width": 3 } },
      {
        selector: "node.root",
        style: { "background-color": colour("user"), color: colour("panel"), "font-weight": "bold" },
      },
      { selector: "node.target", style: { "border-width": 4, "font-weight": "bold" } },
      {
        selector: "node.memoized",
        style: { "background-color": colour("user"), color: colour("panel") },
      },
      {
        selector: "node.stale",
        style: { "underlay-color": colour("stale"), "underlay-opacity": 0.25, "underlay-padding": 4 },
      },
      {
        selector: "node.changed",
        style: {
          "background-color": colour("stale"), "border-color": colour("stale"), "border-width": 3,
          color: "#111827", "underlay-color": colour("stale"), "underlay-opacity": 0.45,
          "underlay-padding": 6,
        },
      },
      { selector: ".away", style: { opacity: 0.14 } },
      {
        selector: "edge.close",
        style: {
          width: 2, "line-color": colour("accent"), "line-opacity": 0.9,
          "target-arrow-color": colour("accent"), label: "data(label)", "font-size": 10,
          color: colour("soft"), "text-background-color": colour("back"),
          "text-background-opacity": 0.9, "text-background-padding": 2,
          "text-rotation": "autorotate", "min-zoomed-font-size": 8,
        },
      },
      {
        selector: "node.hit",
        style: { "overlay-color": colour("accent"), "overlay-opacity": 0.18, "overlay-padding": 4 },
      },
      {
        selector: "node:selected",
        style: { "border-color": colour("accent"), "border-width": 4, "z-index": 10 },
      },
    );
    return sheet;
  }

  const cy = cytoscape({
    container: $("graph"),
    elements: [
      // Apart from each other until they are arranged: between nodes in one place is no edge.
      ...nodes.map((node, number) => ({
        position: { x: number * 400, y: number * 40 },
        data: { id: node.id, label: node.label, width: width(node) },
        classes: [
          node.group, node.kind, node.state || "", node.memoized ? "memoized" : "",
          node.id === data.root ? (data.reverse ? "target" : "root") : "",
        ].join(" "),
      })),
      ...data.edges.map(([source, target, label], number) => ({
        data: { id: `e${number}`, source, target, label },
      })),
    ],
    style: look(),
    layout: { name: "preset" },
    minZoom: 0.02,
    maxZoom: 3,
    boxSelectionEnabled: false,
    selectionType: "single",
    hideEdgesOnViewport: nodes.length > MANY,
    textureOnViewport: nodes.length > 4 * MANY,
  });
  const root = cy.getElementById(data.root);

  function visible() {
    let chosen = cy.nodes().filter((node) => {
      return node.same(root) || shown.has(byId.get(node.id()).group);
    });
    if (near && selected) {
      const around = selected.closedNeighborhood();
      const wide = around.length > 60 ? around : around.closedNeighborhood();
      chosen = chosen.intersection(wide.nodes()).union(selected);
    }
    return chosen;
  }

  function arrange() {
    const chosen = visible();
    cy.batch(() => {
      cy.nodes().style("display", "none");
      chosen.style("display", "element");
      cy.edges().toggleClass("plain", chosen.length > MANY);
    });
    const part = chosen.union(chosen.edgesWith(chosen));
    if (chosen.length > MANY) {
      columns(chosen);
    } else {
      part.layout({
        name: "dagre", rankDir: "LR", nodeSep: 12, rankSep: 70, edgeSep: 6, animate: false,
        fit: false, ranker: "network-simplex",
      }).run();
    }
    fit();
  }

  // For many nodes: columns by distance, in the order of who leads there; wide ones are folded.
  function columns(chosen) {
    const start = chosen.contains(root) ? root : chosen[0];
    const distance = new Map([[start.id(), 0]]);
    const order = new Map([[start.id(), 0]]);
    const levels = [[start]];
    for (let at = 0; at < levels.length; at += 1) {
      for (const node of levels[at]) {
        for (const target of node.outgoers("node").intersection(chosen)) {
          if (distance.has(target.id())) continue;
          distance.set(target.id(), at + 1);
          order.set(target.id(), order.size);
          (levels[at + 1] = levels[at + 1] || []).push(target);
        }
      }
    }
    const rest = chosen.filter((node) => !distance.has(node.id()));
    if (rest.length) levels.push(rest.toArray());
    const rows = Math.max(14, Math.ceil(Math.sqrt(chosen.length) * 1.6));
    let x = 0;
    cy.batch(() => {
      for (const level of levels) {
        for (let from = 0; from < level.length; from += rows) {
          const column = level.slice(from, from + rows);
          const wide = Math.max(...column.map((node) => node.data("width")));
          column.forEach((node, row) => {
            node.position({ x: x + wide / 2, y: (row - column.length / 2) * 40 });
          });
          x += wide + 26;
        }
        x += 120;
      }
    });
  }

  function fit() {
    const chosen = cy.nodes(":visible");
    cy.fit(chosen, 40);
    if (cy.zoom() > 1.2) cy.zoom({ level: 1.2, position: chosen.boundingBox() && middle(chosen) });
    if (cy.zoom() > 1.19) cy.center(chosen);
    // Of what is too large to be read as a whole, the beginning.
    if (cy.zoom() < 0.22 && chosen.contains(root)) {
      cy.zoom(0.45);
      cy.center(root);
      cy.panBy({ x: -cy.width() * 0.32, y: 0 });
    }
  }

  function middle(part) {
    const box = part.boundingBox();
    return { x: (box.x1 + box.x2) / 2, y: (box.y1 + box.y2) / 2 };
  }

  // --- selecting ----------------------------------------------------------------------

  function select(id, { move = false } = {}) {
    const node = id === null ? null : cy.getElementById(id);
    selected = node && node.length ? node : null;
    cy.batch(() => {
      cy.elements().removeClass("away close");
      cy.nodes().unselect();
      if (selected) {
        selected.select();
        const around = selected.closedNeighborhood();
        cy.elements().not(around).addClass("away");
        around.edges().addClass("close");
      }
    });
    $("near").disabled = !selected;
    tell();
    if (!selected) return;
    if (selected.style("display") === "none") {
      shown.add(byId.get(id).group);
      chips();
      arrange();
    }
    if (near) arrange();
    if (move) {
      cy.animate({ center: { eles: selected }, zoom: Math.max(cy.zoom(), 0.8) }, { duration: 200 });
    }
  }

  cy.on("tap", "node", (event) => select(event.target.id()));
  cy.on("tap", (event) => {
    if (event.target === cy) select(null);
  });
  cy.on("mouseover", "node", () => ($("graph").style.cursor = "pointer"));
  cy.on("mouseout", "node", () => ($("graph").style.cursor = ""));

  // --- the panel ----------------------------------------------------------------------

  function make(tag, { text = "", kind = "" } = {}, ...children) {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  }

  function tell() {
    const panel = $("panel");
    panel.replaceChildren();
    panel.hidden = !selected;
    cy.resize();
    if (!selected) return;
    const node = byId.get(selected.id());
    panel.append(make("h2", { text: node.name }));
    const line = make("div", {}, make("span", { kind: `dot ${node.group}` }), node.kind);
    if (node.memoized) line.append(" ", make("span", { kind: "chip", text: "memoized" }));
    if (node.state) line.append(" ", make("span", { kind: `chip ${node.state}`, text: node.state }));
    panel.append(line);
    const facts = make("dl");
    const fact = (name, text, kind = "") => {
      if (text) facts.append(make("dt", { text: name }), make("dd", { text, kind }));
    };
    fact("state", STATES[node.state]);
    fact("stands in", node.place, "mono");
    fact("library", node.library);
    fact("stored", node.stored);
    fact("reached", node.path);
    fact("digest", node.digest, "mono");
    panel.append(facts);
    if (node.source) source(panel, node);
    const before = [selected.incomers("edge"), "source"];
    const after = [selected.outgoers("edge"), "target"];
    const [users, uses] = data.reverse ? [after, before] : [before, after];
    neighbours(panel, "Callers and users", ...users);
    neighbours(panel, "Callees and uses", ...uses);
    panel.scrollTop = 0;
  }

  function source(panel, node) {
    const lines = make("pre");
    node.source.split("\n").forEach((text, number) => {
      const line = make("span", { text });
      line.dataset.line = node.first + number;
      if (node.here === node.first + number) line.className = "here";
      lines.append(line);
    });
    panel.append(make("h3", { text: "Source" }), lines);
  }

  function neighbours(panel, title, edges, end) {
    if (!edges.length) return;
    const list = make("ul");
    for (const edge of edges.toArray()) {
      const other = byId.get(edge.data(end));
      const button = make("button", {}, make("span", { kind: `dot ${other.group}` }), other.name);
      if (other.group !== "unresolved" && edge.data("label")) button.append(" ", make("small", { text: edge.data("label") }));
      button.addEventListener("click", () => select(other.id, { move: true }));
      list.append(make("li", {}, button));
    }
    panel.append(make("h3", { text: `${title} (${edges.length})` }), list);
  }

  // --- the bar ------------------------------------------------------------------------

  function chips() {
    const bar = $("groups");
    bar.replaceChildren();
    for (const [group, title] of Object.entries(GROUPS)) {
      if (!counts[group]) continue;
      const button = make("button", {}, make("span", { kind: `dot ${group}` }), title);
      button.append(` ${counts[group]}`);
      button.dataset.group = group;
      button.setAttribute("aria-pressed", shown.has(group));
      button.addEventListener("click", () => {
        if (!shown.delete(group)) shown.add(group);
        chips();
        arrange();
      });
      bar.append(button);
    }
  }

  function legend() {
    const box = $("legend");
    const say = (kind, text) =>
      box.append(make("div", {}, make("span", { kind: `ring ${kind}` }), text));
    if (data.standing === null) {
      box.append(make("div", { text: data.note }));
      return;
    }
    if (data.standing.length === 0) {
      say("fresh", "Nothing changed since the last result was stored.");
      return;
    }
    say("changed", STATES.changed);
    say("stale", STATES.stale);
    if (data.gone.length) {
      box.append(make("div", { text: `Changed, and no longer in here: ${data.gone.join(", ")}` }));
    }
  }

  function search() {
    const words = $("query").value.toLowerCase().split(/\s+/).filter(Boolean);
    hits = words.length
      ? nodes.filter((node) => words.every((word) => node.text.includes(word)))
      : [];
    hit = -1;
    cy.batch(() => {
      cy.nodes().removeClass("hit");
      for (const node of hits) cy.getElementById(node.id).addClass("hit");
    });
    $("hits").textContent = words.length ? `${hits.length} of ${nodes.length}` : "";
  }

  function next(step) {
    if (!hits.length) return;
    hit = (hit + step + hits.length) % hits.length;
    $("hits").textContent = `${hit + 1} of ${hits.length}`;
    select(hits[hit].id, { move: true });
  }

  $("query").addEventListener("input", search);
  $("query").addEventListener("keydown", (event) => {
    if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      $("query").value = "";
      search();
      $("query").blur();
      event.stopPropagation();
    }
  });
  const zoom = (factor) =>
    cy.zoom({
      level: cy.zoom() * factor,
      renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 },
    });
  $("in").addEventListener("click", () => zoom(1.3));
  $("out").addEventListener("click", () => zoom(1 / 1.3));
  $("fit").addEventListener("click", () => cy.fit(cy.nodes(":visible"), 40));
  $("near").addEventListener("click", () => {
    near = !near;
    $("near").setAttribute("aria-pressed", near);
    arrange();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target === $("query") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      $("query").focus();
    }
    if (event.key === "f") $("fit").click();
    if (event.key === "n" && selected) $("near").click();
    if (event.key === "Escape") select(null);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cy.style(look()));
  addEventListener("resize", () => cy.resize());

  $("root").textContent = data.title;
  $("panel").hidden = true;
  chips();
  legend();
  arrange();
  document.documentElement.dataset.ready = "yes";
  window.page = { cy, select, data };
})();
