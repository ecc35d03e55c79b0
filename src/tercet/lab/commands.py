"""Commands of the laboratory: `tercet lab world`.

Does        runs a world, shows how far it has come and what happened.
Does not    touch a device, a relay or a network: all of it is played in this process.
Spec        spec/95-lab.md
Always      1. Exit status 0 means that nothing was broken.
Read first  world().
"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import msgspec
import typer

from tercet.lab.ledger import Broken
from tercet.lab.plan import MEMBERS_MOST, Plan
from tercet.lab.result import Result, Spread
from tercet.lab.world import World
from tercet.shell.failures import STATUS_HERE, Failure
from tercet.shell.opening import leave
from tercet.shell.terminal import Terminal

app = typer.Typer(no_args_is_help=True, help="The laboratory: whole networks in virtual time.")
MIB = 1_048_576


@app.callback()
def laboratory() -> None:
    """The laboratory: whole networks in virtual time."""


@app.command()
def world(
    members: Annotated[int, typer.Option(help="How many join, in pairs.", min=2, max=MEMBERS_MOST)] = 200,
    days: Annotated[int, typer.Option(help="Days of rough weather.", min=1, max=400)] = 30,
    seed: Annotated[int, typer.Option(help="Of all chance.", min=0)] = 7,
    pace: Annotated[float, typer.Option(help="Seconds between beats, on average.", min=300, max=21_600)] = 1_800.0,
    loss: Annotated[float, typer.Option(help="Share of requests lost.", min=0, max=0.9)] = 0.2,
    duplicates: Annotated[float, typer.Option(help="Share of requests that come twice.", min=0, max=0.9)] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a network live in bad weather, and hold it to what was promised."""
    plan = Plan(members=members, days=days, seed=seed, pace=pace, loss=loss, duplicates=duplicates)
    try:
        with Terminal(stderr=True).status("The network grows…") as line:
            result = World(plan).run(lambda day: line.update(f"Day {day} of {days}"))
    except Broken as broken:
        leave(Failure(broken.code, broken.hint, STATUS_HERE), as_json)
    if as_json:
        json.dump(msgspec.to_builtins(result), sys.stdout)
        typer.echo()
    else:
        typer.echo("\n".join(sentences(result)))


def sentences(result: Result) -> list[str]:
    """What happened, for a person: a label and a sentence a line."""
    refused = ", ".join(f"{count} {code}" for code, count in result.refused.items()) or "nothing"
    rows = {
        "network": f"{result.members:,} members in pairs, {result.levels} levels below the desk",
        "time": f"{result.days} days of rough weather, {result.quiet_days:g} quiet ones until all had come",
        "beats": f"{result.beats:,} beats, {result.steps:,} steps of the core",
        "operations": f"{result.puts:,} put, {result.reads:,} read ({result.hits:,} found something), "
        f"{result.acks:,} acknowledged, {result.posts:,} posted",
        "bytes": f"{result.bytes_up / MIB:,.1f} MiB up, {result.bytes_down / MIB:,.1f} MiB down, without TLS",
        "weather": f"{result.lost:,} requests lost, {result.duplicated:,} duplicated, "
        f"{result.crashes:,} crashes, {result.outages:,} days of a dead relay",
        "written": f"{result.reports:,} reports, {result.letters:,} letters, {result.words:,} words with the desk",
        "refused": refused,
        "report filed": _delays(result.report_filed),
        "report received": _delays(result.report_received),
        "letter": _delays(result.letter),
        "broken": "nothing",
        "trace": result.trace,
        "took": f"{result.seconds:,.1f} s",
    }
    return [f"{label:>16}  {text}" for label, text in rows.items()]


def _delays(spread: Spread) -> str:
    if not spread.count:
        return "none"
    return f"half within {spread.median:g} h, 95 % within {spread.ninety_fifth:g} h, all within {spread.longest:g} h"
