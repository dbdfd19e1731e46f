"""What was measured, and how it stands to its reference and its target: medians, ratios, one table."""

import dataclasses
import json
import statistics


def percentile(samples, share):
    """The nearest rank: a value that was measured, never one between two."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclasses.dataclass(frozen=True)
class Target:
    """How a row is judged: `ratio` of the medians, `excess` (the median of the paired differences), or the median itself (`value`)."""

    kind: str
    limit: float

    def text(self, unit):
        return {"ratio": f"ratio ≤ {self.limit:g}", "excess": f"+ < {self.limit:g} {unit}", "value": f"< {self.limit:g} {unit}"}[self.kind]


@dataclasses.dataclass
class Row:
    what: str
    unit: str
    samples: list
    reference: str = ""
    reference_samples: list = dataclasses.field(default_factory=list)
    target: Target | None = None

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def p95(self):
        return percentile(self.samples, 0.95)

    @property
    def reference_median(self):
        return statistics.median(self.reference_samples) if self.reference_samples else None

    @property
    def ratio(self):
        return self.median / self.reference_median if self.reference_samples else None

    @property
    def excess(self):
        pairs = list(zip(self.samples, self.reference_samples))
        return statistics.median(ours - theirs for ours, theirs in pairs) if pairs else None

    @property
    def judged(self):
        """The number that the target is about."""
        return {"ratio": self.ratio, "excess": self.excess, "value": self.median}[self.target.kind]

    @property
    def is_met(self):
        return None if self.target is None else self.judged <= self.target.limit

    def as_dict(self):
        return {
            "what": self.what, "unit": self.unit, "samples": len(self.samples), "median": self.median, "p95": self.p95,
            "reference": self.reference or None, "reference_median": self.reference_median, "ratio": self.ratio,
            "excess": self.excess, "target": dataclasses.asdict(self.target) if self.target else None, "is_met": self.is_met,
        }  # fmt: skip


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def cells(row):
    beside = f"{row.reference}: {number(row.reference_median)}" if row.reference else ""
    ratio = number(row.ratio)
    if row.target and row.target.kind == "excess":
        ratio = f"{row.excess:+.1f} {row.unit}"
    target = row.target.text(row.unit) if row.target else ""
    verdict = {None: "", True: "met", False: "MISSED"}[row.is_met]
    p95 = number(row.p95) if len(row.samples) > 1 else ""
    return [row.what, number(row.median), p95, row.unit, beside, ratio, target, verdict]


HEAD = ["what", "median", "p95", "unit", "reference, its median", "ratio", "target", ""]


def table(rows):
    """A Markdown table that also reads well on a terminal."""
    lines = [HEAD] + [cells(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    right = {1, 2, 5}

    def text(line):
        return "| " + " | ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if i in right else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([text(lines[0]), rule, *map(text, lines[1:])])


def save(path, rows, setting):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"setting": setting, "rows": [r.as_dict() for r in rows]}, f, indent=2, ensure_ascii=False)
        f.write("\n")
