"""What every operation that writes asks first, and says last where it could not go on."""

from zenctx.config import Settings
from zenctx.errors import RefusedError


def require_persistence(settings: Settings) -> None:
    """Raises RefusedError where persistence is switched off: then nothing may be written at all."""
    if not settings.persistence_enabled:
        origin = settings.origins["persistence.enabled"]
        raise RefusedError(
            f"persistence is switched off by {origin}", hint="set persistence.enabled = true to let zenctx write"
        )


def go_on(hint: str | None) -> str:
    """Gives what to do where an operation stopped half-way; `hint` is what the error that stopped it says."""
    if hint is None:
        return "run the same command again to go on"
    said = hint.rstrip(".")
    return said if said.endswith("again") else f"{said}; then run the same command again"
