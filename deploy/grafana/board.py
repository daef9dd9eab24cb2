# SPDX-License-Identifier: Apache-2.0
"""
What a Grafana dashboard is made of, in the form of schema version 37: Grafana 9
reads it as it is, newer ones migrate it when they import it.

Queries are written with these short forms, so that none of them forgets a filter:
an expression's <S> is the filter by all variables of its dashboard, <A> that without
instance and pod (of series that have none), <R> that by region and host alone (of the
agent's own series); <I> is the interval of a rate, in a graph or in a table. What is
grouped by app, instance or database is grouped by what its name is unique in, too.
"""
import json
import re

SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
LABELS = {"<S>": ("app", "instance", "pod", "namespace", "region", "host"),
          "<A>": ("app", "namespace", "region", "host"),
          "<R>": ("region", "host")}
# Labels by which a dashboard can be narrowed: their headings, which of LABELS narrows what is offered, and what stands
# for all values. Not every series has each of them, so all of them are none, too.
VARIABLES = {"region": ("Region", None, ".*"), "app": ("App", "<A>", ".+"), "instance": ("Instance", "<S>", ".+"),
             "namespace": ("Namespace", "<R>", ".*"), "pod": ("Pod", "<A>", ".*"), "host": ("Host", "<R>", ".*")}
# An app's name is that of its namespace, a unit's or volume's that of its machine, a database's that of its server.
UNIQUE = {"app": ("namespace", "app"), "instance": ("host", "instance"), "datname": ("host", "instance", "datname")}
SHOWN = {"app": "{{app}} {{namespace}}", "instance": "{{instance}} {{host}}", "datname": "{{datname}} {{instance}}"}
COLUMNS = 24
STATUS_COLORS = (("^1", "purple"), ("^2", "green"), ("^3", "blue"), ("^4", "orange"), ("^5", "red"))


def _unique(match):
    """Labels of `by (...)`, with those that make them unique; each once."""
    names = [name for label in match[1].split(", ") for name in UNIQUE.get(label, (label,))]
    return f"by ({', '.join(dict.fromkeys(names))})"


class Query:
    """One expression of a panel and the legend of its series."""

    def __init__(self, expr, legend=""):
        self.expr = re.sub(r"\bby \(([^)]*)\)", _unique, expr)
        self.legend = re.sub(r"{{(\w+)}}", lambda m: SHOWN.get(m[1], m[0]), legend)

    def target(self, place, kind):
        """kind: time_series, heatmap, or table, which shows one moment."""
        instant = kind == "table"
        return {
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": self.expr.replace("<I>", "$__range" if instant else "$__rate_interval"),
            "format": kind,
            "instant": instant,
            "legendFormat": self.legend or "__auto",
            "range": not instant,
            "refId": chr(ord("A") + place),
        }


def rate(name, by, filters="<S>", scale=""):
    """Per second, by some labels ("": all in one)."""
    return f"{_sum(by)} (rate({name}{{{filters}}}[<I>])){scale}"


def now(name, by, filters="<S>", scale=""):
    return f"{_sum(by)} ({name}{{{filters}}}){scale}"


def ratio(part, whole, by):
    """Of two expressions that sum by these labels; where there is no part of a whole that is, 0."""
    return f"({part} or {whole} * 0) / ({whole} > 0)" if by else f"({part} or vector(0)) / ({whole} > 0)"


def quantile(q, name, by="", filters="<S>"):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({name}_bucket{{{filters}}}[<I>])))"


def quantiles(name, filters="<S>"):
    return [Query(quantile(q, name, filters=filters), f"p{round(q * 100)}") for q in (0.5, 0.95, 0.99)]


def _sum(by):
    return f"sum by ({by})" if by else "sum"


def _steps(thresholds):
    """("green", (0.01, "orange"), ...)"""
    return [{"color": thresholds[0], "value": None}] + [{"color": c, "value": v} for v, c in thresholds[1:]]


def _color(pattern, color):
    return {
        "matcher": {"id": "byRegexp", "options": pattern},
        "properties": [{"id": "color", "value": {"fixedColor": color, "mode": "fixed"}}],
    }


class Panel:
    def __init__(self, title, description, queries, unit, width=8, height=8):
        self.title = title
        self.description = description
        self.queries = queries if isinstance(queries, list) else [queries]
        self.unit = unit
        self.width = width
        self.height = height

    def json(self, kind, defaults, options, form="time_series", overrides=(), **more):
        return {
            "datasource": SOURCE,
            "description": self.description,
            "fieldConfig": {"defaults": {"unit": self.unit, **defaults}, "overrides": list(overrides)},
            "options": options,
            "targets": [query.target(i, form) for i, query in enumerate(self.queries)],
            "title": self.title,
            "type": kind,
            **more,
        }


class Graph(Panel):
    """Lines over time. stack: areas on top of each other; top: a line at the highest value, 1 for shares."""

    def __init__(self, *args, stack=False, top=None, thresholds=None, by_status=False, **size):
        super().__init__(*args, **size)
        self.stack = stack
        self.top = top
        self.thresholds = thresholds
        self.by_status = by_status

    def render(self):
        defaults = {
            "color": {"mode": "palette-classic"},
            "custom": {
                "drawStyle": "line",
                "fillOpacity": 40 if self.stack else 8,
                "lineWidth": 1,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"group": "A", "mode": "normal" if self.stack else "none"},
                "thresholdsStyle": {"mode": "line" if self.thresholds else "off"},
            },
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": _steps(self.thresholds or ("green",))},
        }
        if self.top is not None:
            defaults["max"] = self.top
        options = {
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        overrides = [_color(*pair) for pair in STATUS_COLORS] if self.by_status else []
        return self.json("timeseries", defaults, options, overrides=overrides)


class Heatmap(Panel):
    """How many of what fell into each bucket of a histogram."""

    def render(self):
        options = {
            "calculate": False,
            "cellGap": 1,
            "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": False,
                      "scale": "exponential", "scheme": "Oranges", "steps": 64},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"show": True, "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit},
        }
        return self.json("heatmap", {}, options, form="heatmap")


class Table(Panel):
    """
    A row per value of a label, a column per query: (heading, unit, thresholds or
    None, query). Sorted by the column named, the largest first.
    """

    def __init__(self, title, description, label, columns, sort, **size):
        super().__init__(title, description, [column[3] for column in columns], "short", **size)
        self.label = label
        self.columns = columns
        self.sort = sort

    def render(self):
        rename = {name: name.capitalize() for name in self.label}
        overrides = []
        for i, (heading, unit, thresholds, _) in enumerate(self.columns):
            rename[f"Value #{chr(ord('A') + i)}" if len(self.columns) > 1 else "Value"] = heading
            properties = [{"id": "unit", "value": unit}]
            if thresholds:
                properties += [
                    {"id": "thresholds", "value": {"mode": "absolute", "steps": _steps(thresholds)}},
                    {"id": "custom.displayMode", "value": "color-background"},
                ]
            overrides.append({"matcher": {"id": "byName", "options": heading}, "properties": properties})
        defaults = {
            "color": {"mode": "thresholds"},
            "custom": {"align": "auto", "displayMode": "auto", "filterable": False},
            "thresholds": {"mode": "absolute", "steps": _steps(("text",))},
        }
        transformations = [
            {"id": "merge", "options": {}},
            {"id": "organize",
             "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": rename}},
        ]
        options = {"showHeader": True, "sortBy": [{"desc": True, "displayName": self.sort}]}
        return self.json("table", defaults, options, form="table", overrides=overrides,
                         transformations=transformations)


class Row:
    """A heading and its panels. closed: they are asked for only when the row is opened."""

    def __init__(self, title, *panels, closed=False):
        self.title = title
        self.panels = panels
        self.closed = closed


def _filters(short, labels, other_than=None):
    """What one of LABELS stands for in a dashboard with variables for these labels."""
    return ",".join(f'{l}=~"${l}"' for l in LABELS[short] if l in labels and l != other_than)


def _variable(name, living, labels):
    """Values of a label of the living, as far as the others allow."""
    label, narrowed, every = VARIABLES[name]
    filters = _filters(narrowed, labels, name) if narrowed else ""
    query = f"label_values({living}{{{filters}}}, {name})" if filters else f"label_values({living}, {name})"
    return {
        "allValue": every,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": SOURCE,
        "definition": query,
        "hide": 0,
        "includeAll": True,
        "label": label,
        "multi": True,
        "name": name,
        "options": [],
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": 2,  # when the time range changes
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
        "type": "query",
    }


def _placed(rows):
    """The panels in order, numbered and put on the grid of 24 columns."""
    out, y, number = [], 0, 0
    for row in rows:
        number += 1
        heading = {"collapsed": row.closed, "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y}, "id": number,
                   "panels": [], "title": row.title, "type": "row"}
        out.append(heading)
        y += 1
        x = tallest = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                y, x, tallest = y + tallest, 0, 0
            number += 1
            place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
            rendered = {**panel.render(), "gridPos": place, "id": number}
            (heading["panels"] if row.closed else out).append(rendered)
            x += panel.width
            tallest = max(tallest, panel.height)
        # What a closed row holds takes no place until it is opened.
        y += 0 if row.closed else tallest
    return out


def _filtered(panels, labels):
    """The same panels with the short forms of filters written out."""
    for panel in panels:
        for target in panel.get("targets", ()):
            for short in LABELS:
                target["expr"] = target["expr"].replace(short, _filters(short, labels))
        _filtered(panel.get("panels", ()), labels)
    return panels


def dashboard(uid, title, description, living, labels, rows):
    """living: the metric of the series that every instance has, for the variables, which are of these labels."""
    panels = _filtered(_placed(rows), labels)
    types = {p["type"] for p in panels for p in [p, *p.get("panels", [])]} - {"row"}
    required = [{"id": "grafana", "name": "Grafana", "type": "grafana", "version": "9.0.0"},
                {"id": "prometheus", "name": "Prometheus", "type": "datasource", "version": "1.0.0"}]
    required += [{"id": kind, "name": kind.capitalize(), "type": "panel", "version": ""} for kind in sorted(types)]
    return {
        "__inputs": [{
            "description": "The Prometheus, or what speaks its language, that scrapes edgetap.",
            "label": "Prometheus",
            "name": "DS_PROMETHEUS",
            "pluginId": "prometheus",
            "pluginName": "Prometheus",
            "type": "datasource",
        }],
        "__requires": required,
        "annotations": {"list": []},
        "description": description,
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,  # one crosshair in all panels
        "id": None,
        "links": [],
        "liveNow": False,
        "panels": panels,
        "refresh": "30s",
        "schemaVersion": 37,
        "style": "dark",
        "tags": ["edgetap"],
        "templating": {"list": [_variable(name, living, labels) for name in labels]},
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": "",
        "title": title,
        "uid": uid,
        "version": 1,
        "weekStart": "",
    }


def text(made):
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
