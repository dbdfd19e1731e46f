"""What is written about the metrics, held against what a daemon exports: docs/metrics.md both ways, its examples, and the dashboard."""
import json
import re

import pytest

from client import ROOT
from prometheus import promtool, scrape, scrape_until
from stream import ServerSentEvents

HANDBOOK = (ROOT / "docs" / "metrics.md").read_text()
BOARD = json.loads((ROOT / "grafana" / "computed.json").read_text())
OURS = re.compile(r"\b(?:computed|process)_\w+")
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$instance": "host-1:8081|host-2:8081", "$job": ".*"}


@pytest.fixture(scope="module")
def metrics(daemon):
    """Of a daemon that has done a bit of everything."""
    daemon.create("here")
    daemon.get("/no/such/path")
    ServerSentEvents(daemon, "/v1/events").close()
    return scrape_until(daemon, lambda m: m.all("computed_http_request_duration_seconds_count", route="/metrics")
                        and m.all("computed_operation_duration_seconds_count", kind="vm.create"), "everything counted")


# ---- the handbook ----

def table():
    rows = [line.strip("| ").split("|") for line in HANDBOOK.split("## All of them")[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    return {cells[0].strip("` "): (cells[1].strip(), set(re.findall(r"`(\w+)`", cells[2]))) for cells in rows}


def test_the_table_is_what_is_exported(metrics):
    assert table() == {family: (kind, metrics.labels(family)) for family, kind in metrics.types.items()}


def test_the_handbook_names_nothing_else(metrics):
    assert {metrics.family(name) for name in OURS.findall(HANDBOOK.replace("computed_name", ""))} <= set(metrics.types)


def yaml_blocks(word):
    return [block for block in re.findall(r"```yaml\n(.*?)```", HANDBOOK, re.DOTALL) if block.startswith(word)]


def test_the_examples_of_scraping(tmp_path):
    blocks = yaml_blocks("scrape_configs:")
    assert len(blocks) == 2
    for block in blocks:
        (tmp_path / "prometheus.yml").write_text(block)
        promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yml")


def test_the_alerts(metrics, tmp_path):
    (block,) = yaml_blocks("groups:")
    (tmp_path / "rules.yml").write_text(block)
    told = promtool("check", "rules", tmp_path / "rules.yml")
    assert f"{block.count('- alert:')} rules found" in told
    used = set(OURS.findall(block))
    assert used and all(metrics.family(name) for name in used), used


def test_the_alerts_fire_when_they_should(tmp_path):
    """promtool plays the series; each alert is quiet on a healthy host, and told of its trouble."""
    (block,) = yaml_blocks("groups:")
    (tmp_path / "rules.yml").write_text(block)
    series = {
        'up{job="computed", instance="a"}': ("1x60", "0x60", "ComputedDown"),
        'computed_libvirt_up{instance="a"}': ("1x60", "0x60", "ComputedLibvirtDoesNotAnswer"),
        'computed_instances{instance="a", status="error"}': ("0x60", "1x60", "ComputedVMsInError"),
        'computed_operations_total{instance="a", kind="vm.create", outcome="failed"}': ("0x60", "0+1x60", "ComputedOperationsFail"),
        'computed_host_disk_free_bytes{instance="a"}': ("50x60", "5x60", "ComputedDiskIsNearlyFull"),
        'computed_host_memory_promised_bytes{instance="a"}': ("50x120", "95x120", SLOW),
        'computed_http_requests_total{instance="a", route="/v1/vms", method="GET", code="500"}': ("0x60", "0+10x60", "ComputedServerErrors"),
        'computed_audit_refusals_total{instance="a"}': ("0x60", "0+100x60", "ComputedIsBeingGuessedAt"),
        'computed_operations{instance="a", kind="vm.create", status="queued"}': ("0x60", "30x60", "ComputedQueueStands"),
    }
    steady = {'computed_host_disk_bytes{instance="a"}': "100x120", 'computed_host_memory_limit_bytes{instance="a"}': "100x120",
              'computed_http_requests_total{instance="a", route="/v1/vms", method="GET", code="200"}': "0+100x120",
              'computed_operations_total{instance="a", kind="vm.create", outcome="succeeded"}': "0x120"}
    assert {alert for *_, alert in series.values()} == set(re.findall(r"- alert: (\w+)", block))
    for sick, (_, trouble, alert) in series.items():
        values = {**steady, **{name: fine for name, (fine, _, _) in series.items()}, sick: trouble}
        told = promtool("test", "rules", write_test(tmp_path, values, {alert: True}))
        assert "SUCCESS" in told
    fine = {**steady, **{name: fine for name, (fine, _, _) in series.items()}}
    assert "SUCCESS" in promtool("test", "rules", write_test(tmp_path, fine, {alert: False for *_, alert in series.values()}))


SLOW = "ComputedMemoryIsNearlyPromised"  # it takes an hour to fire


def write_test(folder, values, alerts):
    """Whether an alert fires at the end: as an expression, for it carries labels of its series."""
    def asked(alert, fires):
        return {"expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)', "eval_time": "110m" if alert == SLOW else "58m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}]}

    test = {"rule_files": [str(folder / "rules.yml")], "evaluation_interval": "1m", "tests": [{
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in values.items()],
        "promql_expr_test": [asked(alert, fires) for alert, fires in alerts.items()]}]}
    (folder / "test.yml").write_text(json.dumps(test))  # JSON is YAML
    return folder / "test.yml"


# ---- the dashboard ----

def panels():
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def expressions():
    for panel in panels():
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            yield panel["title"], target, text


def test_each_query_is_promql_on_metrics_there_are(metrics, tmp_path):
    rules = []
    for i, (title, _, text) in enumerate(expressions()):
        assert "$" not in text, (title, text)
        names = OURS.findall(text)
        assert names and all(metrics.family(name) for name in names), (title, text)
        rules.append({"record": f"query:{i}", "expr": text})
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", tmp_path / "rules.yml")


def test_each_legend_and_filter_is_a_label_there_is(metrics):
    for title, target, text in expressions():
        have = {"instance", "job"}.union(*(metrics.labels(metrics.family(name)) for name in OURS.findall(text)))
        grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(",")} - {"le"}
        matched = set(re.findall(r"[{,] ?(\w+)=~?\"", text))
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert shown <= (grouped or have) and grouped | matched <= have, (title, text)


def test_what_is_watched(metrics):
    """Every number is on the dashboard but one, which says little on its own."""
    shown = {metrics.family(name) for _, _, text in expressions() for name in OURS.findall(text)}
    assert set(metrics.types) - shown == {"process_virtual_memory_bytes"}


def test_grafana_can_read_it():
    """The parts that an import asks for."""
    assert BOARD["schemaVersion"] in range(36, 40) and BOARD["uid"] == "computed" and "id" not in BOARD
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    kinds = {variable["name"]: variable["type"] for variable in BOARD["templating"]["list"]}
    assert kinds == {"datasource": "datasource", "job": "query", "instance": "query"}
    source = {"type": "prometheus", "uid": "${datasource}"}
    for part in [*panels(), *(target for panel in panels() for target in panel["targets"]), *BOARD["templating"]["list"][1:]]:
        assert part["datasource"] == source
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24, "panels lie over each other"
