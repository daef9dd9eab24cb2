// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <stdarg.h>
#include <string.h>

#include "base/printable.h"
#include "cli/json_text.h"
#include "cli/plain_text.h"

#define TOPIC_WIDTH 12
#define MIB (1024.0 * 1024.0)

static const struct {
	const char *word;
	const char *colour;
} grades[] = {
	[GRADE_GOOD] = { "good", "\033[32m" },
	[GRADE_NOTE] = { "note", "\033[33m" },
	[GRADE_BAD] = { "bad", "\033[31m" },
};

struct finding *report__add(struct report *report, const char *topic, enum grade grade,
			    const char *format, ...)
{
	struct finding *finding;
	va_list arguments;

	if (report->count < REPORT_MAX_FINDINGS)
		report->count++;
	finding = &report->findings[report->count - 1];
	memset(finding, 0, sizeof(*finding));
	finding->topic = topic;
	finding->grade = grade;
	va_start(arguments, format);
	vsnprintf(finding->text, sizeof(finding->text), format, arguments);
	va_end(arguments);
	return finding;
}

bool report__is_good(const struct report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->findings[i].grade == GRADE_BAD)
			return false;
	return true;
}

static const char *holder(const struct capability *capability)
{
	return !capability->agent ? "helper" : !capability->broker ? "agent" : "agent, helper";
}

static void print_privileges(const struct report *report, FILE *out)
{
	static const char marks[] = {
		[PRIVILEGE_MISSING] = ' ',
		[PRIVILEGE_STOOD_FOR] = '+',
		[PRIVILEGE_HELD] = '*',
	};

	fprintf(out,
		"\nCapabilities of agent and helper process (* held, + CAP_SYS_ADMIN stands for "
		"it):\n");
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct privilege *privilege = &report->privileges[i];
		const struct capability *capability = privilege->capability;

		fprintf(out, "%c %-22s  %-13s  to %s", marks[privilege->state], capability->name,
			holder(capability), capability->purpose);
		if (capability->required)
			fprintf(out, " (required)");
		else if (!privilege->is_needed)
			fprintf(out, " (which is switched off)");
		else if (privilege->state == PRIVILEGE_MISSING)
			fprintf(out, "\n%-39s  without it %s", "", capability->without);
		fprintf(out, "\n");
	}
}

/* The text may be made of what others chose. */
static void print_line(FILE *out, const char *before, const char *text)
{
	fputs(before, out);
	printable__print(out, text);
	fputc('\n', out);
}

static void print_hooks(const struct report *report, FILE *out)
{
	static const char *const availability[] = { "unavailable", "available" };
	int fact_width = 0, hook_width = 0;

	for (size_t i = 0; i < report->hook_count; i++) {
		int fact = (int)strlen(report->hooks[i].fact);
		int hook = (int)strlen(report->hooks[i].hook);

		fact_width = fact > fact_width ? fact : fact_width;
		hook_width = hook > hook_width ? hook : hook_width;
	}
	if (report->hook_count > 0)
		fprintf(out, "\nHooks (* will be used):\n");
	for (size_t i = 0; i < report->hook_count; i++) {
		const struct loader_hook *hook = &report->hooks[i];

		fprintf(out, "%c %-*s  %-*s  ", hook->chosen ? '*' : ' ', fact_width, hook->fact,
			hook_width, hook->hook);
		if (hook->reason && hook->reason[0])
			fprintf(out, "%-11s  ", availability[hook->available]);
		print_line(out,
			   hook->reason && hook->reason[0] ? "" : availability[hook->available],
			   hook->reason ? hook->reason : "");
	}
}

void report__print(const struct report *report, FILE *out, bool colour)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->findings[i];
		const char *reset = colour ? "\033[0m" : "";

		fprintf(out, "%-*s  %s%-4s%s  ", TOPIC_WIDTH, finding->topic,
			colour ? grades[finding->grade].colour : "", grades[finding->grade].word,
			reset);
		print_line(out, "", finding->text);
		if (finding->remedy[0]) {
			fprintf(out, "%-*s        ", TOPIC_WIDTH, "");
			print_line(out, "-> ", finding->remedy);
		}
	}
	if (report->has_privileges)
		print_privileges(report, out);
	print_hooks(report, out);
	if (report->plain_text)
		plain_text__print(report->plain_text, out);
	if (report->map_bytes)
		fprintf(out,
			"\nMaps: %.1f MiB of kernel memory at the configured sizes (%.0f MiB is the "
			"budget of the defaults)\n",
			(double)report->map_bytes / MIB, (double)REPORT_MAP_BUDGET_BYTES / MIB);
	fprintf(out, "\n%s\n",
		report__is_good(report) ? "edgetap can observe this machine."
					: "edgetap cannot start here: see what is marked bad.");
}

static json_t *json_findings(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->findings[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:o, s:o}", "topic", finding->topic,
						"grade", grades[finding->grade].word, "text",
						json_text__new(finding->text), "remedy",
						json_text__new(finding->remedy)));
	}
	return list;
}

/* What needs it, in the words of the configuration where there are any. */
static json_t *json_uses(unsigned int uses)
{
	static const char *const names[CAPABILITY_USES] = {
		[USE_ALWAYS] = "always",
		[USE_UPROBES] = "tls_uprobes",
		[USE_UPROBE_EVENTS] = "uprobe_events",
		[USE_ENTERING] = "containers",
		[USE_POSTGRES] = "postgres",
	};
	json_t *list = json_array();

	for (int i = 0; i < CAPABILITY_USES; i++)
		if (uses & 1U << i)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static json_t *json_privileges(const struct report *report)
{
	static const char *const states[] = {
		[PRIVILEGE_MISSING] = "missing",
		[PRIVILEGE_STOOD_FOR] = "CAP_SYS_ADMIN",
		[PRIVILEGE_HELD] = "held",
	};
	json_t *list = json_array();

	for (int i = 0; report->has_privileges && i < CAPABILITY_COUNT; i++) {
		const struct privilege *privilege = &report->privileges[i];
		const struct capability *capability = privilege->capability;

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:b, s:s}", "name",
					capability->name, "purpose", capability->purpose, "without",
					capability->without, "required", capability->required,
					"agent", json_uses(capability->agent), "helper",
					json_uses(capability->broker), "needed",
					privilege->is_needed, "state", states[privilege->state]));
	}
	return list;
}

static json_t *json_hooks(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->hook_count; i++) {
		const struct loader_hook *hook = &report->hooks[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:b, s:b, s:o}", "fact", hook->fact,
						"hook", hook->hook, "available", hook->available,
						"chosen", hook->chosen, "reason",
						json_text__new(hook->reason ? hook->reason : "")));
	}
	return list;
}

int report__print_json(const struct report *report, FILE *out)
{
	json_t *root = json_pack("{s:b, s:o, s:o, s:o, s:I, s:I}", "ok", report__is_good(report),
				 "findings", json_findings(report), "capabilities",
				 json_privileges(report), "hooks", json_hooks(report), "map_bytes",
				 (json_int_t)report->map_bytes, "map_budget_bytes",
				 (json_int_t)REPORT_MAP_BUDGET_BYTES);

	if (root && report->plain_text)
		json_object_set_new(root, "tls", plain_text__json(report->plain_text));
	return json_text__print(root, out);
}
