"""Rows of the cluster table about core/kube itself: the informer, the work queue, writes."""

from kube_programs import BIN, peer, runs, told, version
from measure import median, three


def in_turn(o, commands):
    """What each of the programs tells, `rounds` times, in turn: a drifting machine hits all alike."""
    results = {name: [] for name in commands}
    for _ in range(o.rounds):
        for name, command in commands.items():
            results[name].append(told(*command))
    return results


def column(results, key, factor=1.0):
    return [one[key] * factor for one in results]


def beside(results, digits=2):
    """The peer's cell, or what stands there without it."""
    names = {"peer": version, "stripped": lambda: "without managedFields"}
    return "; ".join(f"{names[name]()}: {three(values, digits)}" for name, values in results.items() if name in names) or "left out"


class Goal:
    """A figure on the machine it was set on, where the peer took `peer`; on another one the same share of what the peer takes in this run."""

    def __init__(self, figure, peer, unit):
        self.figure, self.share, self.unit = figure, figure / peer, unit

    def __str__(self):
        return f"at most {self.figure:.2f} {self.unit}, or {self.share:.2f} of the peer"

    def share_of(self, results):
        return median(results["ours"]) / median(results["peer"]) if "peer" in results else None

    def words(self, results):
        share = self.share_of(results)
        return f"{median(results['ours']):.2f} {self.unit}" + (f", {share:.2f} of the peer" if share is not None else "")

    def met(self, results):
        share = self.share_of(results)
        return median(results["ours"]) <= self.figure or (share is not None and share <= self.share)


SYNC_CPU = Goal(0.40, 1.5, "s")
PATCH_CPU = Goal(0.40, 0.73, "ms")
RECONCILE_TIME = Goal(3.0, 3.5, "ms")
RECONCILE_CPU = Goal(0.40, 1.4, "ms")


def cold_sync(table, o):
    for count in (1_000, 10_000):
        space = runs(count)
        commands = {"ours": [BIN / "bench_cold_sync", space, count, "all"], "pruned": [BIN / "bench_cold_sync", space, count, "ours"]}
        if peer():
            commands |= {name: [peer(), "sync", space, count, form] for name, form in (("peer", "whole"), ("stripped", "stripped"))}
        results = in_turn(o, commands)
        resident, own, cpu = ({name: column(rows, key) for name, rows in results.items()} for key in ("megabytes", "own_megabytes", "cpu_seconds"))
        goal = 10 + 2.5 * count / 1000
        what = f"cold sync of {count:,} Runs of 2 KB"
        table.add(f"{what}: resident MB", three(resident["ours"], 1), beside(resident, 1),
                  f"{median(resident['ours']):.1f} MB, {median(own['ours']):.1f} of it not the program's and libraries' files; pruned as operond does {median(resident['pruned']):.1f} MB",
                  f"at most {goal:.1f} MB", median(resident["ours"]) <= goal)
        table.add(f"{what}: CPU s", three(cpu["ours"]), beside(cpu),
                  f"{SYNC_CPU.words(cpu)}; pruned {median(cpu['pruned']):.2f} s", str(SYNC_CPU) if count == 10_000 else "stated", count != 10_000 or SYNC_CPU.met(cpu))


def verbs(o, space, verb, count, others=None):
    commands = {"ours": [BIN / "bench_reconcile", space, verb, count], **(others or {})}
    if peer():
        commands["peer"] = [peer(), verb, space, count]
    return in_turn(o, commands)


def reconciles(table, o):
    count = 10_000
    results = verbs(o, runs(count), "noop", count)
    each = {name: column(rows, "cpu_seconds", 1e6 / count) for name, rows in results.items()}
    table.add("10,000 reconciles that have nothing to do: CPU us each", three(each["ours"], 1), beside(each, 1),
              f"{median(each['ours']):.1f} us", "at most 6 us", median(each["ours"]) <= 6)


def status_patches(table, o):
    count = 1_000
    results = verbs(o, runs(count), "status", count)
    each = {name: column(rows, "cpu_seconds", 1e3 / count) for name, rows in results.items()}
    table.add("1,000 patches of a status: CPU ms each", three(each["ours"]), beside(each),
              PATCH_CPU.words(each), str(PATCH_CPU), PATCH_CPU.met(each))


def change_to_reconcile(table, o):
    count = 200 if o.quick else 500
    space = runs(1_000)
    results = verbs(o, space, "latency", count, {verb: [BIN / "bench_requests_alone", verb, space, count] for verb in ("change", "client", "write")})
    p50, each = ({name: column(rows, key, factor) for name, rows in results.items()} for key, factor in (("p50_ms", 1), ("cpu_seconds", 1e3 / count)))

    def words(goal, figures):
        alone, client = (goal.words({**figures, "ours": figures[verb]}) for verb in ("change", "client"))
        return f"{goal.words(figures)}; libcurl by itself {alone}, core/kube's client by itself {client}; the write with nobody who watches {median(figures['write']):.2f}"
    for what, goal, figures in (("change to reconcile at 50 events/s, the write included: p50 ms", RECONCILE_TIME, p50), ("the same: CPU ms an event", RECONCILE_CPU, each)):
        table.add(what, three(figures["ours"]), beside(figures), words(goal, figures), str(goal), goal.met(figures))


ROWS = (cold_sync, reconciles, status_patches, change_to_reconcile)
