# SPDX-License-Identifier: Apache-2.0
"""
A scrape in the text format 0.0.4, parsed strictly: what a lenient parser would
let pass (a sample before its TYPE, a family in two places, a series twice, a
histogram whose buckets fall) is an AssertionError.
"""
import math
import re
from collections import defaultdict

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\})')
_UNESCAPE = re.compile(r"\\(.)")
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count", "")}


def _labels(line, at):
    """Labels that start after the brace at `at`; returns them and where the value starts."""
    labels = {}
    if line[at] == "}":
        return labels, at + 1
    while True:
        match = _LABEL.match(line, at)
        assert match, f"bad labels: {line}"
        name, text, end = match.groups()
        assert name not in labels, f"label {name} twice: {line}"
        labels[name] = _UNESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)
        at = match.end()
        if end == "}":
            return labels, at
        if line[at] == "}":  # a trailing comma is allowed
            return labels, at + 1


class Histogram:
    """Sum of some series of one family: cumulative counts by upper bound, in seconds."""

    def __init__(self):
        self.count = 0
        self.sum = 0.0
        self.buckets = defaultdict(float)

    def quantile(self, q):
        """Lower and upper bound of the bucket that holds the quantile."""
        rank = q * self.count
        low = 0.0
        for bound in sorted(self.buckets):
            if self.buckets[bound] >= rank:
                return low, bound
            low = bound
        return low, math.inf

    def above(self, seconds):
        """How many are certainly above: bound must be one of the buckets."""
        assert seconds in self.buckets, f"no bucket {seconds} in {sorted(self.buckets)}"
        return self.count - self.buckets[seconds]


class Scrape:
    """series: {(name, ((label, value), ...)): number}; types and helps by family."""

    def __init__(self, text):
        self.text = text
        self.series = {}
        self.types = {}
        self.helps = {}
        self.samples = defaultdict(list)  # name: [(labels, value)]
        self._parse(text)
        self._check_histograms()

    def _parse(self, text):
        assert text.endswith("\n"), "the last line must end in a newline"
        family = None
        closed = set()
        for line in text.split("\n")[:-1]:
            if line.startswith("# "):
                _, kind, name, rest = (line.split(" ", 3) + ["", ""])[:4]
                if kind not in ("HELP", "TYPE"):
                    continue
                if name != family:
                    assert name not in closed, f"family {name} in two places"
                    if family:
                        closed.add(family)
                    family = name
                seen = self.helps if kind == "HELP" else self.types
                assert name not in seen, f"second {kind} of {name}"
                assert kind == "HELP" or rest in _TYPES, f"bad type: {line}"
                seen[name] = rest
                continue
            assert line, "empty line"
            match = _NAME.match(line)
            assert match, f"bad name: {line}"
            name, at = match.group(), match.end()
            labels = {}
            if line[at] == "{":
                labels, at = _labels(line, at + 1)
            fields = line[at:].split()
            assert line[at] == " " and len(fields) == 1, f"bad value: {line}"
            value = float(fields[0])
            kind = self.types.get(family)
            assert kind, f"sample before its TYPE: {line}"
            assert name in [family + s for s in _SUFFIXES.get(kind, ("",))], f"not of {family}: {line}"
            assert kind != "counter" or value >= 0, f"negative counter: {line}"
            key = (name, tuple(sorted(labels.items())))
            assert key not in self.series, f"series twice: {line}"
            self.series[key] = value
            self.samples[name].append((labels, value))

    def _check_histograms(self):
        for family, kind in self.types.items():
            if kind != "histogram":
                continue
            buckets = defaultdict(list)
            for labels, value in self.samples[family + "_bucket"]:
                rest = {k: v for k, v in labels.items() if k != "le"}
                buckets[tuple(sorted(rest.items()))].append((float(labels["le"]), value))
            counts = {tuple(sorted(l.items())): v for l, v in self.samples[family + "_count"]}
            sums = {tuple(sorted(l.items())): v for l, v in self.samples[family + "_sum"]}
            assert set(buckets) == set(counts) == set(sums), f"{family}: incomplete histogram"
            for key, cells in buckets.items():
                assert cells == sorted(cells), f"{family}{key}: bounds or counts fall: {cells}"
                values = [v for _, v in cells]
                assert values == sorted(values), f"{family}{key}: counts fall: {cells}"
                assert math.isinf(cells[-1][0]), f"{family}{key}: no +Inf bucket"
                assert cells[-1][1] == counts[key], f"{family}{key}: +Inf is not _count"
                assert sums[key] >= 0, f"{family}{key}: negative sum"

    def select(self, name, **match):
        """[(labels, value)] of the series that carry all these labels."""
        return [
            (labels, value)
            for labels, value in self.samples.get(name, ())
            if all(labels.get(k) == v for k, v in match.items())
        ]

    def value(self, name, **match):
        """Sum of the matching series; 0 if there is none."""
        return sum(value for _, value in self.select(name, **match))

    def by(self, name, *labels, **match):
        """{(values of these labels): sum}, without zeros."""
        out = defaultdict(float)
        for have, value in self.select(name, **match):
            out[tuple(have.get(label, "") for label in labels)] += value
        return {k: int(v) if v == int(v) else v for k, v in out.items() if v}

    def histogram(self, family, **match):
        """The matching series of a histogram family, added up."""
        out = Histogram()
        out.count = self.value(family + "_count", **match)
        out.sum = self.value(family + "_sum", **match)
        for labels, value in self.select(family + "_bucket", **match):
            out.buckets[float(labels["le"])] += value
        return out

    def loss(self, *reasons):
        """Losses of these reasons, of all when none is named."""
        found = self.by("edgetap_losses_total", "reason")
        return sum(v for (reason,), v in found.items() if not reasons or reason in reasons)

    def losses(self):
        return {reason: v for (reason,), v in self.by("edgetap_losses_total", "reason").items()}


def delta(before, after):
    """What grew between two scrapes: {(name, labels): difference}, without zeros."""
    out = {}
    for key, value in after.series.items():
        grown = value - before.series.get(key, 0)
        if grown:
            out[key] = grown
    return out
