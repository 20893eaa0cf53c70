"""Safety checks that span kinds or need the machine. Their results are findings: data."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.budget.cpu_checks import kernel_age
from reconciler.context import Context
from reconciler.model import Finding, refuse


def host_findings(ctx: Context) -> Iterator[Finding]:
    """Whether this is the machine that the spec is for, and one that can do this at all."""
    yield from _wrong_host(ctx)
    yield from kernel_age(ctx.state.identity.kernel)
    if ctx.spec.vm:
        from reconciler.checks.budget import budget_findings

        yield from budget_findings(ctx)


def _wrong_host(ctx: Context) -> Iterator[Finding]:
    host, seen = ctx.spec.host, ctx.state.identity
    pairs = (
        ("hostname", host.matches_name(seen.hostname), host.hostname, seen.hostname),
        (
            "machine_id",
            host.machine_id in (None, seen.machine_id),
            host.machine_id,
            seen.machine_id,
        ),
    )
    for key, fits, wanted, found in pairs:
        if not fits:
            message = f"this spec is for {key} {wanted}; this machine's is {found or 'not set'}"
            yield refuse("wrong-host", f"host.{key}", message, "apply it on the right machine")
