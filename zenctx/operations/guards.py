"""What every operation that writes asks first."""

from zenctx.config import Settings
from zenctx.errors import RefusedError


def require_persistence(settings: Settings) -> None:
    """Raises RefusedError where persistence is switched off: then nothing may be written at all."""
    if not settings.persistence_enabled:
        origin = settings.origins["persistence.enabled"]
        raise RefusedError(
            f"persistence is switched off by {origin}", hint="set persistence.enabled = true to let zenctx write"
        )
