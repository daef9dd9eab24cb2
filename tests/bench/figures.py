# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: kept with their budgets, printed beside them, written as JSON."""
import json
import statistics
import sys
import time


def progress(text):
    print(text, file=sys.stderr, flush=True)


def median(values):
    return statistics.median(values)


def spread(values, digits=3):
    """Where the middle half of the values lies, for a reader to judge the noise."""
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:,.{digits}f} .. {high:,.{digits}f}"


class Figures:
    """
    What was measured, in order. A budget is an upper bound, or with at_least a
    lower one. Figures of a section are printed behind the others under its name;
    clear is the figure for clear text that such a one is set against.
    """

    def __init__(self):
        self.rows = []
        self.missing = []
        self.disturbed = []
        self.start = time.monotonic()

    def add(self, name, value, unit, what, budget=None, at_least=False, note="", section="", clear=None):
        ok = None
        if budget is not None:
            ok = value >= budget if at_least else value <= budget
        self.rows.append(
            dict(
                name=name, value=value, unit=unit, budget=budget, ok=ok,
                what=what, note=note, at_least=at_least, section=section,
                to_clear_text=value / clear if clear and clear > 0 and value > 0 else None,
            )
        )
        verdict = {None: "", True: ", within budget", False: ", MISSES ITS BUDGET"}[ok]
        progress(f"  {what}: {number(value)} {unit}{verdict}")

    def write(self, path):
        keys = ("name", "value", "unit", "budget", "ok", "section", "to_clear_text")
        rows = [{key: row[key] for key in keys} for row in self.rows]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + "\n")

    def print(self):
        for section in dict.fromkeys([""] + [row["section"] for row in self.rows]):
            rows = [row for row in self.rows if row["section"] == section]
            width = max((len(row["what"]) for row in rows), default=0)
            if section:
                print(f"\n{section}\n")
            for row in rows:
                print(line(row, width))
        missed = [row["what"] for row in self.rows if row["ok"] is False]
        held = sum(1 for row in self.rows if row["ok"])
        budgets = held + len(missed)
        print(
            f"\n{held} of {budgets} budgets met, {len(self.rows) - budgets} figures without budget,"
            f" {time.monotonic() - self.start:.0f} s"
        )
        for what in self.disturbed:
            print(f"disturbed, measure again: {what}")
        for what in self.missing:
            print(f"could not be measured: {what}")


def line(row, width):
    budget, verdict = "", ""
    if row["budget"] is not None:
        budget = f"{'>=' if row['at_least'] else '<='} {number(row['budget'])}"
        verdict = "ok" if row["ok"] else "MISS"
    elif row["to_clear_text"] is not None:
        budget = f"x {row['to_clear_text']:.2f}"
    if verdict and sys.stdout.isatty():
        verdict = f"\033[{32 if row['ok'] else 31}m{verdict:4}\033[0m"
    note = f"  ({row['note']})" if row["note"] else ""
    value = f"{number(row['value']):>9} {row['unit']:<5}"
    return f"{row['what']:{width}}  {value} {budget:>10}  {verdict:4}{note}".rstrip()


def number(value):
    """Three or so digits that say something."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"
