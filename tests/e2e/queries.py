# SPDX-License-Identifier: Apache-2.0
"""Queries in the shapes that Prometheus' documentation shows, and random ones, right and wrong."""
import random

# Metrics of the data set: requests_total{app, instance, code, method}, errors_total{app, instance,
# code}, temperature{app, instance}, latency_bucket{app, instance, le}, and names that are keywords.

SELECTORS = r"""
requests_total
requests_total{}
requests_total{code="200"}
requests_total{code="200",}
requests_total{code="200",method="get"}
requests_total{code!="200"}
requests_total{code=~"2.."}
requests_total{code!~"2.."}
requests_total{code=~"200|500",method!=""}
requests_total{instance=~".+"}
requests_total { code = "200" , method = 'get' }
requests_total{code=`200`}
requests_total{code='200'}
requests_total{code="\x32\u0030\060"}
requests_total{code="2\U00000030\u0030"}
requests_total{method=~"g\\w+"}
requests_total{method=~'g\\w+'}
requests_total{method=~`g\w+`}
requests_total{method="\"quoted\""}
requests_total{method='\'quoted\''}
requests_total{method="'"}
requests_total{method="\a\b\f\n\r\t\v\\"}
requests_total{method="é"}
requests_total{method="{"}
requests_total{method="}"}
requests_total{method="# no comment"}
requests_total{nosuch=""}
{__name__="requests_total"}
{__name__=~"requests.*"}
{__name__=~"requests_total|errors_total"}
{__name__!="requests_total",code="500"}
{code="200"}
{code="200",__name__="requests_total"}
{by="x"}
sum
sum{instance=~".+"}
by
offset
offset offset 5m
group
start
end
start offset 1m
avg or count
or
or or or
and and and
unless unless unless
without
bottomk + topk
max
min{}
stddev
stdvar
quantile
count_values
a:rule:sum
:odd
_private
requests_total offset 5m
requests_total offset -5m
requests_total offset 1h30m
requests_total offset 1y2w3d4h5m6s7ms
requests_total @ 1
requests_total @ 1.5
requests_total @ -1
requests_total @ +1e3
requests_total @ start()
requests_total @ end()
requests_total @ end() offset 5m
requests_total offset 5m @ end()
requests_total[5m]
requests_total[ 5m ]
requests_total[5m] offset 1m
requests_total[5m] @ end()
requests_total[5m] offset -1m @ start()
requests_total[1w]
# a comment first
"""

EXPRESSIONS = r"""
1
-1
+1
--1
- - 1
1.
.5
1e3
1E-3
1e+3
0x1f
0X1F
0777
08
08.5
00
Inf
+inf
-INF
NaN
nan
iNf
"a string"
'a string'
`raw \n string`
""
"\\"
1 + 2 * 3
(1 + 2) * 3
1 + 2 - 3
2 ^ 3 ^ 2
(2 ^ 3) ^ 2
-2 ^ 2
2 ^ -2
2 ^ -2 ^ 2
-2 * 3
2 * -3
1 - -1
1 - - 1
10 % 3
10 % 3 * 2
1 atan2 2
1 ATAN2 2 * 3
1 == bool 1
1 != bool 2 + 3
1 > bool 2
1 >= bool 2
1 < bool 2
1 <= bool 2
((((1))))
time()
time() - 5
vector(1)
vector(time())
scalar(temperature{instance="i1"})
pi()
requests_total + errors_total
requests_total + ignoring(method) errors_total
requests_total * on(app, instance, code) group_left errors_total
requests_total * on(app, instance, code) group_left(method) errors_total
requests_total * on(app, instance, code) group_left() errors_total
errors_total * on(app, instance, code) group_right requests_total
errors_total * on(app, instance, code) group_right(x) requests_total
requests_total / on(app,instance,code,method,) requests_total
requests_total / on() requests_total
requests_total / ignoring() requests_total
requests_total > 100
requests_total > bool 100
requests_total == on(app,instance,code,method) requests_total
requests_total == bool on(app,instance,code,method) requests_total
requests_total != 5
100 < requests_total
requests_total >= 5 <= 10000
requests_total and errors_total
requests_total and on(code) errors_total
requests_total and ignoring(method) errors_total
requests_total AND ON (code) errors_total
requests_total or errors_total
requests_total or on() errors_total
requests_total unless errors_total
requests_total unless on(code) errors_total
requests_total or errors_total and temperature unless temperature
requests_total and errors_total or temperature
requests_total > 5 and errors_total < 10000000
requests_total + on(sum, by, offset, or, bool, group_left, start) errors_total
-requests_total
+requests_total
-(requests_total)
-requests_total ^ 2
-requests_total offset 5m
- requests_total + 1
2 * requests_total ^ 0.5
requests_total % 7
requests_total atan2 temperature
sum(requests_total)
sum (requests_total)
sum(requests_total) by (code)
sum by (code) (requests_total)
sum by(code)(requests_total)
sum by () (requests_total)
sum(requests_total) by (code,)
sum without (instance) (requests_total)
sum(requests_total) without (instance, method)
SUM BY (code) (requests_total)
Sum(requests_total) Without (code)
avg(requests_total)
min(requests_total) by (code, method)
max(requests_total)
group(requests_total) by (app)
count(requests_total) without (app)
stddev(requests_total)
stdvar(requests_total)
count_values("value", temperature)
count_values by (app) ("value", temperature)
topk(2, requests_total)
topk by (app) (1, requests_total)
topk(1, requests_total) by (code)
bottomk(2, requests_total)
quantile(0.5, requests_total)
quantile without (instance) (0.9, requests_total)
sum by (sum, by, without_x, offset, and, on) (requests_total)
sum(sum)
sum by (by) (by)
sum(sum by (app) (sum))
sum(requests_total) / sum(errors_total)
sum by (code) (requests_total) / ignoring(code) group_left sum(requests_total)
sum(requests_total) > 5 or vector(0)
abs(temperature)
absent(requests_total)
absent(nosuch{code="1"})
absent(sum(nosuch))
absent_over_time(nosuch[5m])
absent_over_time(requests_total[5m])
ceil(temperature)
floor(temperature)
round(temperature)
round(temperature, 0.5)
round(temperature, 1e1)
exp(temperature)
ln(temperature)
log2(temperature)
log10(temperature)
sqrt(temperature)
sgn(temperature)
sin(temperature) + cos(temperature) + tan(temperature)
asin(temperature) or acos(temperature) or atan(temperature)
sinh(temperature) or cosh(temperature) or tanh(temperature)
asinh(temperature) or acosh(temperature) or atanh(temperature)
deg(temperature)
rad(temperature)
clamp(temperature, 1, 2)
clamp_max(temperature, 5)
clamp_min(temperature, 5)
changes(temperature[5m])
delta(temperature[5m])
deriv(temperature[5m])
idelta(temperature[5m])
increase(requests_total[5m])
irate(requests_total[5m])
rate(requests_total[5m])
rate(requests_total{code="200"}[5m])
rate(requests_total[5m] offset 5m)
rate(requests_total[5m] @ end())
resets(requests_total[5m])
predict_linear(temperature[5m], 3600)
holt_winters(temperature[5m], 0.5, 0.5)
day_of_month()
day_of_month(vector(time()))
day_of_week()
day_of_year()
days_in_month()
hour()
minute()
month()
year()
timestamp(requests_total)
timestamp(requests_total offset 1m)
sort(requests_total)
sort_desc(requests_total)
label_replace(requests_total, "x", "$1", "instance", "(.*)")
label_replace(requests_total, 'x', '', 'y', '')
label_join(requests_total, "x", "-", "app", "instance")
label_join(requests_total, "x", "-")
histogram_quantile(0.9, latency_bucket)
histogram_quantile(0.9, rate(latency_bucket[5m]))
histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m])))
histogram_quantile(0.9, sum(rate(latency_bucket[5m])) by (app, le))
avg_over_time(temperature[5m])
min_over_time(temperature[5m])
max_over_time(temperature[5m])
sum_over_time(temperature[5m])
count_over_time(temperature[5m])
quantile_over_time(0.5, temperature[5m])
stddev_over_time(temperature[5m])
stdvar_over_time(temperature[5m])
last_over_time(temperature[5m])
present_over_time(temperature[5m])
max_over_time(rate(requests_total[5m])[10m:1m])
max_over_time(rate(requests_total[5m])[10m:])
max_over_time(rate(requests_total[5m])[10m : 1m])
max_over_time(sum(requests_total)[10m:1m])
max_over_time((requests_total + errors_total)[10m:1m])
max_over_time(requests_total[10m:1m] offset 5m)
max_over_time(requests_total[10m:1m] @ end())
max_over_time(requests_total[10m:1m] @ end() offset 1m)
max_over_time(max_over_time(requests_total[5m:1m])[10m:1m])
min_over_time(1[5m:])
avg_over_time(vector(1)[5m:1m])
sum_over_time((-requests_total)[5m:1m])
requests_total[10m:1m]
(requests_total)[10m:1m]
rate(requests_total[5m]) > 0
sum(rate(requests_total[5m])) by (code) / on() group_left sum(rate(requests_total[5m]))
1 - sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))
100 * (1 - avg by (instance) (temperature))
topk(3, sum by (app, code) (rate(requests_total[5m])))
(requests_total)
((requests_total))
(requests_total offset 5m)
(requests_total{code="200"} or errors_total)
count(count by (instance) (requests_total))
requests_total{code="200"} offset 5m + requests_total{code="200"}
sum(requests_total) - sum(requests_total offset 5m)
rate(requests_total[5m]) # a comment
"""

WRONG = r"""
()
)
(
((1)
requests_total{
requests_total}
requests_total{,}
requests_total{code}
requests_total{code=}
requests_total{code="200"
requests_total{code="200",,}
requests_total{code="200"}{method="get"}
requests_total{code=200}
requests_total{code==“200”}
requests_total{code=="200"}
requests_total{"code"="200"}
requests_total{co:de="200"}
requests_total{code="200" method="get"}
requests_total{code="200" or method="get"}
requests_total{code="200"+"x"}
requests_total{code=~"("}
{}
{code=""}
{code=~".*"}
{code!="x"
requests_total[
requests_total[5m
requests_total[]
requests_total[5]
requests_total[m]
requests_total[5x]
requests_total[5m5m]
requests_total[5m1h]
requests_total[1.5h]
requests_total[-5m]
requests_total[0s]
requests_total[5mm]
requests_total[5ms1s]
requests_total[300y]
requests_total[5m][5m]
requests_total[5m:1m:1m]
requests_total[5m::]
requests_total[:1m]
requests_total[:]
requests_total[5m:1]
requests_total[5m,1m]
requests_total[5m:1m
requests_total[(5m)]
requests_total[[5m]]
sum(requests_total)[5m]
(requests_total)[5m]
requests_total offset
requests_total offset 5
requests_total offset foo
requests_total offset 5m offset 5m
requests_total offset 0s
requests_total offset --5m
requests_total offset +5m
requests_total offset 5m[5m]
requests_total @ 1 [5m]
requests_total @
requests_total @ foo
requests_total @ start
requests_total @ start(
requests_total @ start(1)
requests_total @ -start()
requests_total @ inf
requests_total @ nan
requests_total @ 1e40
requests_total @ "1"
requests_total @ 1 @ 2
requests_total @ start() @ end()
sum(requests_total) offset 5m
sum(requests_total) @ 1
(requests_total) offset 5m
1 offset 5m
1 @ 5
offset 5m
5m
1k
1_000
0x
0xg
0b1
1e
1e+
1e999
1..2
1.2.3
.
..5
$1
requests_total $x
a b
1 2
"a" "b"
'a' 1
+
-
*
* 1
1 +
1 + + 
1 + * 2
1 == 
1 = 1
1 =~ 1
1 !~ 1
1 ! 1
1 <> 2
1 & 2
1 | 2
1 ~ 2
a =~ "b"
bool
on
ignoring
group_left
group_right
atan2
1 bool == 1
requests_total + bool errors_total
requests_total and bool errors_total
requests_total + on errors_total
requests_total + on(code errors_total
requests_total + on(code,,) errors_total
requests_total + on(,) errors_total
requests_total + on("code") errors_total
requests_total + on(co:de) errors_total
requests_total + on(without) errors_total
requests_total + on(inf) errors_total
requests_total + group_left errors_total
requests_total + group_left(code) errors_total
requests_total + on(code) on(code) errors_total
requests_total + on(code) group_left group_right errors_total
requests_total + ignoring errors_total
on(code) requests_total
sum
sum(
sum)
sum()
sum(requests_total
sum(requests_total,)
sum(,requests_total)
sum requests_total
sum by code (requests_total)
sum by (code requests_total
sum by (code)
sum by (code) requests_total
sum by (code) (requests_total) by (code)
sum by (code) without (app) (requests_total)
sum(requests_total) by
sum(requests_total) by (
sum(requests_total) by ("code")
sum(requests_total) by (nan)
sum(requests_total) limit 5
rate(requests_total[5m]) by (code)
rate by (code) (requests_total[5m])
rate(requests_total[5m],)
rate(,)
rate(
a:b(1)
start()
end()
or()
by(x)
offset(x)
"unterminated
'unterminated
`unterminated
"mixed'
"\q"
"\x4"
"\xg0"
"\u12"
"\ud800"
"\U00110000"
"\400"
"\8"
"\'"
'\"'
"new
line"
é
requests_total{é="x"}
requests_total; requests_total
requests_total,requests_total
requests_total\x
requests.total
requests-total{code="200"}}
!requests_total
not requests_total
requests_total if errors_total
requests_total default 0
with (x = 1) x
WITH (x = requests_total) x
(requests_total, errors_total)
"""


def lines(text):
    return [line for line in text.strip("\n").split("\n") if line]


def corpus():
    """Every query by itself, and the more interesting ones inside others."""
    selectors, expressions = lines(SELECTORS), lines(EXPRESSIONS)
    wrong = lines(WRONG.replace('"new\nline"', '"new_line"')) + ['"new\nline"', "'\0'"[:1], "sum(#\n)"]
    spread = [
        "sum(\n  rate(\n    requests_total{code=\"200\"}[5m] # five\n  )\n)\nby\n(code)",
        "requests_total{ # comment }\n code=\"200\" # , \"\n}",
        "\t\r\n requests_total \r\n",
        "sum#\r(requests_total)",
        "# only a comment\nrequests_total",
        "requests_total{method=`\n`}",
    ]
    return selectors + expressions + spread + wrong


class Random:
    """Random queries from the grammar; a few of them are broken on purpose."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *of):
        return self.r.choice(of)

    def blank(self):
        return self.pick("", "", " ", "\n", " # x\n")

    def matcher(self):
        label = self.pick("app", "code", "method", "instance", "by", "__name__")
        value = self.pick('"200"', "'get'", "`.+`", '"al.*"', '"\\x41"', '""', '".*"', "'{}'")
        return label + self.pick("=", "!=", "=~", "!~") + value

    def selector(self):
        name = self.pick("requests_total", "errors_total", "temperature", "sum", "offset", "nosuch", "")
        if name and self.r.random() < 0.5:
            return name
        inner = ",".join(self.matcher() for _ in range(self.r.randint(0, 3)))
        return f"{name}{{{inner}{self.pick('', ',') if inner else ''}}}"

    def modifiers(self):
        return self.pick("", "", "", " offset 5m", " offset -1m", " @ end()", " @ 1e9 offset 5m", " @ start()")

    def labels(self):
        return "(" + ",".join(self.pick("app", "code", "instance", "by", "on") for _ in range(self.r.randint(0, 3))) + ")"

    def expression(self, depth):
        if depth == 0:
            return self.pick(self.selector() + self.modifiers(), self.selector(), "1", "2.5e1", "-3", "Inf")
        inner = self.expression(depth - 1)
        kind = self.r.randint(0, 7)
        if kind == 0:
            return f"({self.blank()}{inner}{self.blank()})"
        if kind == 1:
            return self.pick("-", "+") + self.blank() + inner
        if kind == 2:
            name = self.pick("sum", "avg", "COUNT", "max", "group", "stddev")
            group = self.pick("by", "without", "BY") + self.labels()
            return self.pick(f"{name}({inner})", f"{name} {group}({inner})", f"{name}({inner}) {group}")
        if kind == 3:
            return f"{self.pick('abs', 'ceil', 'sgn', 'timestamp', 'sort')}({inner})"
        if kind == 4:
            function = self.pick("rate", "max_over_time", "count_over_time", "last_over_time")
            if self.r.random() < 0.5:
                return f"{function}({self.selector()}[{self.pick('5m', '90s', ' 1h')}]{self.modifiers()})"
            return f"{function}(({inner})[{self.pick('5m', '10m')}:{self.pick('', '1m', ' 30s')}]{self.modifiers()})"
        op = self.pick("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<=", "and", "or", "unless", "atan2", "== bool", "> bool")
        match = self.pick("", "", "", " on" + self.labels(), " ignoring" + self.labels(), " on(instance) group_left" + self.pick("", self.labels()))
        return f"{inner}{self.blank()} {op}{match} {self.blank()}{self.expression(self.r.randint(0, depth - 1))}"

    def broken(self, text):
        at = self.r.randint(0, len(text))
        return self.pick(
            text[:at] + text[at + 1 :],
            text[:at] + self.pick(*"(){}[],:@'\"`=~!<+- \\#x5\n") + text[at:],
            text[:at],
            text[at:] + text[:at],
        )

    def queries(self, count):
        found = []
        for i in range(count):
            text = self.expression(self.r.randint(0, 4))
            found.append(self.broken(text) if i % 3 == 2 else text)
        return found


# What a reader of alfa might try to see bravo. A query that is taken must give what a database
# without bravo gives.
HOSTILE = r"""
requests_total
{__name__=~".+"}
{__name__!=""}
{app="bravo"}
{app=~".*"}
{app!="alfa"}
{app!~"alfa"}
{app=~"alfa|bravo"}
requests_total{app="bravo"}
requests_total{app!="alfa"}
requests_total{app=~"alfa|.*"}
requests_total{app="alfa",app="bravo"}
requests_total{app=~"bravo.*",instance="i1"}
requests_total{app="bravo"} or requests_total
requests_total or requests_total{app="bravo"}
requests_total or on() {app="bravo"}
requests_total or ignoring(app) requests_total{app!="alfa"}
requests_total{app="alfa"} + on(instance, code) group_right requests_total{app="bravo"}
requests_total * on(instance, code) group_left(secret) requests_total{app="bravo"}
requests_total * on(instance) group_left(secret) sum by (instance, secret) (sum{app!="alfa"})
requests_total unless requests_total{app="alfa"}
requests_total unless on() requests_total{app="alfa"}
-requests_total{app!="alfa"}
count({__name__=~".+"})
count by (app) ({__name__=~".+"})
count by (secret) ({__name__=~".+"})
count_values("secret", requests_total)
count_values by (app) ("secret", {__name__=~".+"})
group by (app, secret) ({__name__=~".+"})
sum(requests_total)
sum without (app) (requests_total)
sum by (app, secret) (requests_total)
topk(100, {__name__=~".+"})
bottomk(100, {app=~".+"})
quantile(1, requests_total)
max({__name__=~".+"})
absent(requests_total{app="bravo"})
absent_over_time(requests_total{app="bravo"}[5m])
absent({app="bravo"}) or requests_total
label_replace(requests_total, "app", "bravo", "", "")
label_replace({app!="alfa"}, "app", "alfa", "", "")
label_replace(requests_total{app!="alfa"}, "app", "alfa", "app", ".*")
label_join({__name__=~".+"}, "app", "-", "secret", "app")
max_over_time(requests_total[1h])
max_over_time(requests_total{app="bravo"}[30m:1m])
max_over_time((requests_total{app!="alfa"} or errors_total)[10m:1m])
sum_over_time(sum(requests_total)[10m:1m])
max_over_time(sum by (secret) (requests_total)[10m:1m] @ end())
last_over_time({__name__=~".+"}[30m])
requests_total offset 5m
requests_total{app="bravo"} offset -5m
requests_total @ end()
{app!=""} @ start() offset 1m
rate({__name__=~".+_total"}[10m])
increase(requests_total{app!="alfa"}[10m])
histogram_quantile(0.5, latency_bucket)
histogram_quantile(0.5, sum by (le) (latency_bucket))
scalar(requests_total{app="bravo",instance="i1",code="200"})
vector(scalar(sum(requests_total)))
time() - scalar(max(timestamp({app="bravo"})))
timestamp(requests_total{app!="alfa"})
sort_desc({app!="alfa"})
requests_total{app="alfa\",app=\"bravo"}
requests_total{app='bravo'}
requests_total{app=`bravo`}
requests_total{app="\x62ravo"}
requests_total{app="\u0062\162avo"}
requests_total{app=~"(?i)BRAVO"}
requests_total{app=~"^bravo$"}
requests_total{app=~"alfa$|bravo"}
requests_total{app=~"(?s).*"}
requests_total{app!~""}
requests_total{secret=~".+"}
requests_total{secret!="alfa-only"}
requests_total{instance="} or {app=\"bravo\""}
requests_total{instance='i1'} # } or {app="bravo"}
requests_total{#}
requests_total #{app="alfa"}
sum{app!="alfa"}
by{app="bravo"}
offset{app="bravo"} offset 1m
or or or
and and {app="bravo"}
start{app="bravo"} @ start()
end @ end()
without{app!="alfa"}
sum by (app) (sum)
sum(sum{app="bravo"}) by (by, sum, app)
avg(count) + count(avg)
(((((requests_total{app="bravo"})))))
1 + on() group_left {app="bravo"}
sum(requests_total) > bool sum(requests_total{app="alfa"})
requests_total == ignoring(app, secret) requests_total{app="alfa"}
count(requests_total) == bool 4
requests_total{app=""}
{app="",__name__=~".+"}
requests_total{nosuch=""}
requests_total{__name__=~".+"}
{__name__="requests_total",__name__=~".*"}
{__name__=~"requests_total|up|.*"}
{"requests_total"}
{"requests_total", app="bravo"}
{app="alfa" or app="bravo"}
requests_total{app="alfa" or app="bravo"}
{app="alfa"} or {app="bravo"}
with (x = requests_total{app="bravo"}) x
WITH (f(x) = {app=x}) f("bravo")
with (commonFilters = {app="bravo"}) requests_total{commonFilters}
requests_total{commonFilters}
(requests_total, requests_total{app="bravo"})
union(requests_total, requests_total{app="bravo"})
info(requests_total)
nosuch({app="bravo"})
increase({app!="alfa"})
rate(requests_total{app="bravo"})
sum(increase(requests_total)) by (app, secret)
topk_avg(9, requests_total, "secret=rest")
topk_max(9, {__name__=~".+"})
outliersk(2, requests_total)
any(requests_total) by (app)
any by (secret) (requests_total{app!="alfa"})
label_set(requests_total, "app", "bravo")
label_set(requests_total{app="bravo"}, "app", "alfa")
label_copy({__name__=~".+"}, "secret", "x")
label_map({app!=""}, "app", "bravo", "alfa")
label_value(requests_total, "instance")
label_match({__name__=~".+"}, "app", "bravo")
label_mismatch({__name__=~".+"}, "app", "alfa")
drop_common_labels(requests_total, requests_total{app="bravo"})
alias(requests_total{app="bravo"}, "mine")
aggr_over_time(("min_over_time", "max_over_time"), requests_total)
aggr_over_time("max_over_time", requests_total)
default_rollup({app="bravo"})
rollup(requests_total)
rollup_rate({app!="alfa"})
histogram_over_time(requests_total)
distinct(requests_total)
count_eq_over_time({app="bravo"}, 1)
median_over_time({app!="alfa"})
range_max({__name__=~".+"})
running_sum(requests_total{app="bravo"})
keep_last_value({app="bravo"})
limitk(50, {__name__=~".+"})
limit_offset(50, 0, {__name__=~".+"})
sort_by_label({__name__=~".+"}, "app")
{__graphite__="*"}
{__graphite__="requests_total",app="bravo"}
requests_total{vm_account_id="1"}
requests_total keep_metric_names
sum(requests_total) limit 10
requests_total default {app="bravo"}
requests_total if {app="bravo"}
requests_total ifnot {app="alfa"}
requests.total
\requests_total
requests_total{app="bra" + "vo"}
requests_total{app="alfa"}[5m:1m
$__interval
requests_total{app="é"}
requests_total{app="\xff"}
requests_total{app="\x00"}
requests_total{app=~"\x00|bravo"}
"{app=\"bravo\"}"
'bravo' == 'bravo'
"""
