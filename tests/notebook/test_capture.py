"""What is recorded of what a cell shows."""

from __future__ import annotations

import sys
from typing import Any

from dumbo.notebook.capture import Recorder, replay


def recorded(notebook: Any, text: str) -> list[Any]:
    namespace = {"Recorder": Recorder, "shell": notebook.shell}
    notebook.names.update(namespace)
    body = "\n".join(f"    {line}" for line in text.splitlines())
    notebook(f"with Recorder(shell) as recorder:\n{body}\nshown = recorder.shown")
    return [event[:2] for event in notebook.names["shown"]]


def test_what_is_written_is_joined_by_stream(notebook: Any) -> None:
    text = "print(1)\nsys.stdout.writelines(['a', 'b'])\nprint(2, file=sys.stderr)\nprint(3)"
    assert recorded(notebook, text) == [("stdout", "1\nab"), ("stderr", "2\n"), ("stdout", "3\n")]


def test_what_a_progress_bar_writes_over_is_gone(notebook: Any) -> None:
    text = "for i in range(100):\n    print(f'\\r{i}%', end='')\nprint()\nprint('x\\r\\ny')"
    assert recorded(notebook, text) == [("stdout", "99%\nx\r\ny\n")]


def test_updates_of_a_display_are_its_last_state(notebook: Any) -> None:
    text = "h = display('a', display_id=True)\nprint('between')\nh.update('b')\nh.update('c')"
    (display, _) = recorded(notebook, text)
    assert display[1] == {"text/plain": "'c'"}


def test_clearing_later_keeps_what_nothing_follows(notebook: Any) -> None:
    setup = "from IPython.display import clear_output\nprint('a')\n"
    assert recorded(notebook, setup + "clear_output(wait=True)") == [("stdout", "a\n")]
    assert recorded(notebook, setup + "clear_output(wait=True)\nprint('b')") == [("stdout", "b\n")]
    assert recorded(notebook, setup + "clear_output()") == []


def test_of_a_widget_its_text_is_kept(notebook: Any) -> None:
    text = (
        "view = 'application/vnd.jupyter.widget-view+json'\n"
        "display({'text/plain': 'a slider', view: {'model_id': '1'}}, raw=True)"
    )
    assert recorded(notebook, text) == [("display", {"text/plain": "a slider"})]


def test_streams_and_displays_are_as_before_whatever_happens(notebook: Any) -> None:
    stdout, stderr = sys.stdout, sys.stderr
    before = dict(notebook.shell.display_pub.__dict__)
    try:
        with Recorder(notebook.shell):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert (sys.stdout, sys.stderr) == (stdout, stderr)
    assert notebook.shell.display_pub.__dict__ == before


def test_the_recorded_stream_is_a_stream(notebook: Any) -> None:
    text = (
        "assert sys.stdout.writable()\nassert hasattr(sys.stdout, 'encoding')\nsys.stdout.flush()"
    )
    assert recorded(notebook, text) == []


def test_what_is_shown_again_is_marked_and_touches_no_other_display(notebook: Any) -> None:
    shown = [
        ("display", {"text/plain": "a"}, {"x": 1}, {"display_id": "1"}, False),
        ("display", {"text/plain": "b"}, None, {"display_id": "2"}, True),
    ]
    published: list[dict[str, Any]] = []

    class Shell:
        class display_pub:
            @staticmethod
            def publish(**event: Any) -> None:
                published.append(event)

    replay(shown, Shell)
    assert [event["transient"] for event in published] == [None, {"display_id": "2"}]
    assert published[0]["metadata"] == {"x": 1, "dumbo": {"replayed": True}}
