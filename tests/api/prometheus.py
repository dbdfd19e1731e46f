"""The numbers of GET /metrics, and promtool, which judges everything that is written for Prometheus."""
import re
import subprocess

from client import DEADLINE_S, ROOT, eventually

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\["\\n])*)"')
ESCAPED = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
PARTS = re.compile("_(bucket|sum|count)$")


class Metrics:
    """types: by family; samples: by name, a list of (labels, value)."""

    def __init__(self, text):
        self.text, self.types, self.samples = text, {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                assert family not in self.types, f"{family} comes twice"
                self.types[family] = kind
            elif not line.startswith("# HELP "):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                labels = {key: re.sub(r'\\.', lambda m: ESCAPED[m[0]], value) for key, value in LABEL.findall(labels or "")}
                self.samples.setdefault(name, []).append((labels, float(value)))

    def all(self, name, **labels):
        return [(have, value) for have, value in self.samples.get(name, []) if labels.items() <= have.items()]

    def sum(self, name, **labels):
        return sum(value for _, value in self.all(name, **labels))

    def one(self, name, **labels):
        ((_, value),) = self.all(name, **labels)
        return value

    def family(self, name):
        """Whose sample this is; None: nobody's."""
        whole = PARTS.sub("", name)
        return name if name in self.types else whole if self.types.get(whole) == "histogram" else None

    def labels(self, family):
        return {label for name, rows in self.samples.items() if self.family(name) == family for labels, _ in rows for label in labels} - {"le"}


def scrape(client, path="/metrics"):
    answer = client.get(path)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    return Metrics(answer.body.decode())


def scrape_until(client, check, what):
    """Requests count when they are over, which is a moment after their answer."""
    def look():
        metrics = scrape(client)
        return metrics if check(metrics) else None
    return eventually(look, what)


def promtool(*arguments, given=""):
    tool = subprocess.run([ROOT / "tools" / "promtool.sh"], check=True, capture_output=True, text=True, timeout=600).stdout.strip()
    done = subprocess.run([tool, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0 and not done.stderr, f"promtool {arguments}: {done.stdout}{done.stderr}"
    return done.stdout
