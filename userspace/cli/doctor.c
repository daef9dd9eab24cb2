// SPDX-License-Identifier: Apache-2.0
/*
 * Goes the way of serve up to the point where something would be attached, and
 * tells what it met. Nothing stays loaded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/memory_limit.h"
#include "agent/privileges.h"
#include "base/listen.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/doctor_databases.h"
#include "cli/facts.h"
#include "cli/plain_text.h"
#include "cli/report.h"
#include "config/config.h"
#include "identity/identity.h"

#define MIB (1024.0 * 1024.0)

static void report_listen(struct report *report, const struct config *config)
{
	const char *message;
	int fd;

	if (listen__open(&fd, config->listen, &message)) {
		report__add(report, "listen", GRADE_BAD, "%s", message);
		return;
	}
	close(fd);
	report__add(report, "listen", GRADE_GOOD, "%s is free", config->listen);
}

static void report_hooks(struct report *report, struct loader **ret_loader,
			 const struct config *config, const char *controller)
{
	const char *message = "";

	if (loader__new(ret_loader, config, controller, &message)) {
		report__add(report, "hooks", GRADE_BAD, "%s", message);
		return;
	}
	report->hook_count = loader__hooks(*ret_loader, &report->hooks);
	report->map_bytes = loader__map_bytes(*ret_loader);
	report__add(report, "hooks", GRADE_GOOD, "%zu looked at, see below", report->hook_count);
}

/* As serve does before it looks into a file: what it can no longer open then is not seen. */
static void report_and_drop_privileges(struct report *report, const struct config *config,
				       const struct loader *loader)
{
	unsigned int uses = privileges__uses(config, loader && loader__probes_by_event(loader));
	int err;

	facts__report_privileges(report, uses);
	err = privileges__drop(uses);
	if (err)
		report__add(report, "privileges", GRADE_BAD, "cannot be given up: %s",
			    strerror(-err));
}

static void report_plain_text(struct report *report, struct plain_text *plain_text,
			      const struct config *config, const struct loader *loader, int links)
{
	size_t seen = 0;

	plain_text__examine(plain_text, config, loader);
	plain_text->links = links;
	report->plain_text = plain_text;
	if (plain_text->is_off) {
		report__add(
			report, "TLS", GRADE_NOTE,
			"handshakes only: tls_uprobes is false, so that plain text inside TLS is "
			"not seen");
		return;
	}
	for (size_t i = 0; i < plain_text->file_count; i++)
		seen += plain_text->files[i].reason == NULL;
	report__add(report, "TLS", seen == plain_text->file_count ? GRADE_GOOD : GRADE_NOTE,
		    "plain text will be seen in %zu of %zu libraries and programs of servers, see "
		    "below; uprobes are attached %s",
		    seen, plain_text->file_count,
		    plain_text->by_event ? "by events, for which CAP_SYS_ADMIN is kept"
					 : "by links");
}

/* map_bytes: kernel memory of all maps. */
static void report_memory(struct report *report, const struct config *config, uint64_t map_bytes)
{
	uint64_t limit = memory_limit__own(), rest = config->connection_memory_bytes + map_bytes;
	bool fits = limit == UINT64_MAX ||
		    (rest < limit && limit - rest >= MEMORY_LIMIT_REST_BYTES);
	char of[64] = "no limit is known";
	struct finding *finding;

	if (limit != UINT64_MAX)
		snprintf(of, sizeof(of), "the cgroup's limit is %.1f MiB", (double)limit / MIB);
	finding = report__add(report, "memory", fits ? GRADE_GOOD : GRADE_NOTE,
			      "connections may take %.1f MiB, maps %.1f MiB; %s%s",
			      (double)config->connection_memory_bytes / MIB,
			      (double)map_bytes / MIB, of,
			      fits ? "" : ", which leaves too little for the agent itself");
	if (!fits)
		snprintf(finding->remedy, sizeof(finding->remedy),
			 "raise the limit, or lower connection_memory or max_groups");
}

static void examine(struct report *report, struct loader **ret_loader,
		    struct plain_text *plain_text, struct config *config)
{
	struct identity_table *identity = NULL;
	const char *controller = NULL;
	const char *const *lines;
	size_t count;
	int links;

	facts__report_machine(report);
	memory_limit__settle(config);
	report_listen(report, config);
	/* forks, so before anything that has a thread or is loaded */
	if (!facts__obstacle())
		doctor__report_databases(report, config);
	if (identity_table__new(&identity, config, config->max_instances)) {
		report__add(report, "identity", GRADE_BAD, "no usable cgroup hierarchy");
		facts__report_privileges(report, privileges__uses(config, false));
		return;
	}
	if (identity_table__hierarchy(identity, &controller) < 0)
		controller = NULL;
	count = identity_table__describe(identity, &lines);
	for (size_t i = 0; i < count; i++)
		report__add(report, "identity", GRADE_GOOD, "%s", lines[i]);
	if (!facts__obstacle())
		report_hooks(report, ret_loader, config, controller);
	if (*ret_loader)
		report_memory(report, config, report->map_bytes);
	/* of all processes, which takes more than serve keeps */
	links = *ret_loader ? loader__count_probes(*ret_loader) : -EOPNOTSUPP;
	report_and_drop_privileges(report, config, *ret_loader);
	report_plain_text(report, plain_text, config, *ret_loader, links);
	identity_table__free(identity);
}

int command__doctor(const struct args *args)
{
	struct report *report = calloc(1, sizeof(*report));
	struct plain_text *plain_text = calloc(1, sizeof(*plain_text));
	struct config config = { 0 };
	struct config_error error = { 0 };
	struct loader *loader = NULL;
	int status = 1;

	if (!report || !plain_text) {
		free(report);
		free(plain_text);
		log__info("out of memory");
		return 1;
	}
	if (args__load(args, &config, &error))
		report__add(report, "options", GRADE_BAD, "%s", error.text);
	else
		examine(report, &loader, plain_text, &config);
	if (report__is_good(report))
		status = 0;
	if (error.is_usage) {
		log__info("%s", error.text);
		status = EXIT_USAGE;
	}
	if (!args->json)
		report__print(report, stdout, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
	else if (report__print_json(report, stdout))
		log__info("out of memory");
	loader__free(loader);
	config__free(&config);
	free(plain_text);
	free(report);
	return status;
}
