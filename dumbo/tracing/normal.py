from dumbo.tracing.steps import Lowered


def normalise(lowered: Lowered) -> Lowered:
    return lowered
