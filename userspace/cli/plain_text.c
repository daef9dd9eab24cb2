// SPDX-License-Identifier: Apache-2.0
#include "cli/plain_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/printable.h"
#include "cli/json_text.h"
#include "config/config.h"
#include "loader/loader.h"
#include "uprobes/find.h"
#include "uprobes/listeners.h"

struct examination {
	struct plain_text *plain_text;
	const struct config *config;
	const struct loader *loader;
	struct find *find;
	pid_t pid;
	bool found;
};

static void read_name(pid_t pid, char name[16])
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, 15);
		close(fd);
	}
	name[n > 0 ? n : 0] = '\0';
	/* the last byte is the kernel's */
	if (n > 0 && name[n - 1] == '\n')
		name[n - 1] = '\0';
}

static const char *obstacle(const struct examination *examination, const struct plan *plan)
{
	if (plan->reason)
		return plan->reason;
	if (!(examination->config->tls_libraries >> (plan->library - 1) & 1))
		return "tls_libraries leaves this library out";
	if (examination->config->tls_uprobes && examination->loader)
		for (size_t i = 0; i < plan->count; i++)
			if (!loader__has_probe(examination->loader, plan->probe[i].program))
				return "no program for it can be loaded here";
	return NULL;
}

static void on_found(void *ctx, const struct found *found)
{
	struct examination *examination = ctx;
	struct plain_text *plain_text = examination->plain_text;
	struct plain_text_file *file = NULL;

	examination->found = true;
	for (size_t i = 0; i < plain_text->file_count && !file; i++)
		if (plain_text->files[i].dev == found->state.id.dev &&
		    plain_text->files[i].inode == found->state.id.inode)
			file = &plain_text->files[i];
	if (!file && plain_text->file_count == PLAIN_TEXT_MAX_FILES) {
		plain_text->is_cut = true;
		return;
	}
	if (!file) {
		file = &plain_text->files[plain_text->file_count++];
		file->dev = found->state.id.dev;
		file->inode = found->state.id.inode;
		file->library = found->plan->library;
		file->probes = found->plan->count;
		file->reason = obstacle(examination, found->plan);
		snprintf(file->version, sizeof(file->version), "%s", found->plan->version);
		snprintf(file->functions, sizeof(file->functions), "%s", found->plan->functions);
		printable__copy(file->path, sizeof(file->path), found->path);
	}
	if (file->process_count < PLAIN_TEXT_MAX_PROCESSES) {
		file->pid[file->process_count] = examination->pid;
		read_name(examination->pid, file->name[file->process_count]);
	}
	file->process_count++;
}

static void on_process(void *ctx, pid_t pid)
{
	struct examination *examination = ctx;
	const struct find_look look = {
		.pid = pid,
		.libraries = UINT32_MAX,
		.on_found = on_found,
		.ctx = examination,
	};
	struct find_unread unread = {};
	int err;

	examination->pid = pid;
	examination->found = false;
	err = find__process(examination->find, &look, &unread);
	examination->plain_text->hanging += err == -ETIMEDOUT || err == -EBUSY;
	examination->plain_text->without += !examination->found;
	examination->plain_text->unreadable += unread.errors + unread.may_hang;
}

void plain_text__examine(struct plain_text *ret_plain_text, const struct config *config,
			 const struct loader *loader)
{
	struct examination examination = {
		.plain_text = ret_plain_text,
		.config = config,
		.loader = loader,
	};

	memset(ret_plain_text, 0, sizeof(*ret_plain_text));
	ret_plain_text->is_off = !config->tls_uprobes;
	ret_plain_text->links = -EOPNOTSUPP;
	ret_plain_text->by_event = loader && loader__probes_by_event(loader);
	ret_plain_text->listeners = find__new(&examination.find);
	if (ret_plain_text->listeners)
		return;
	ret_plain_text->listeners = listeners__each(on_process, &examination);
	find__free(examination.find);
}

static void print_file(const struct plain_text_file *file, bool is_off, FILE *out)
{
	unsigned int named = file->process_count < PLAIN_TEXT_MAX_PROCESSES
				     ? file->process_count
				     : PLAIN_TEXT_MAX_PROCESSES;

	fprintf(out, "%c %-7s  %-9s  %s", !file->reason && !is_off ? '*' : ' ',
		tls_library__name(file->library), file->version, file->path);
	if (file->reason)
		fprintf(out, ": %s", file->reason);
	fprintf(out, "\n    ");
	for (unsigned int i = 0; i < named; i++) {
		fputs(i ? ", " : "", out);
		printable__print(out, file->name[i]);
		fprintf(out, " (%d)", (int)file->pid[i]);
	}
	if (file->process_count > named)
		fprintf(out, " and %u more", file->process_count - named);
	if (file->functions[0])
		fprintf(out, "\n    %zu probes: %s", file->probes, file->functions);
	fprintf(out, "\n");
}

void plain_text__print(const struct plain_text *plain_text, FILE *out)
{
	if (plain_text->listeners < 0) {
		fprintf(out, "\nTLS: processes that listen cannot be found: %s\n",
			strerror(-plain_text->listeners));
		return;
	}
	fprintf(out, "\nTLS of processes that listen (* plain text will be seen):\n");
	for (size_t i = 0; i < plain_text->file_count; i++)
		print_file(&plain_text->files[i], plain_text->is_off, out);
	if (plain_text->is_cut)
		fprintf(out, "  and more files than are shown\n");
	fprintf(out, "%d processes listen, %u of them have no TLS library", plain_text->listeners,
		plain_text->without);
	if (plain_text->unreadable)
		fprintf(out, ", %u files could not be looked into", plain_text->unreadable);
	if (plain_text->hanging)
		fprintf(out, ", %u processes do not show what they map", plain_text->hanging);
	fprintf(out, ".\n");
	if (plain_text->is_off)
		fprintf(out, "Nothing will be attached: tls_uprobes is false.\n");
	if (plain_text->links >= 0)
		fprintf(out, "Attached now, by agents that run: %d links.\n", plain_text->links);
}

static json_t *words(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t length = strcspn(text, " ");

		json_array_append_new(list, json_stringn(text, length));
		text += length + strspn(text + length, " ");
	}
	return list;
}

static json_t *json_file(const struct plain_text_file *file, bool is_off)
{
	json_t *processes = json_array();

	for (unsigned int i = 0; i < file->process_count && i < PLAIN_TEXT_MAX_PROCESSES; i++)
		json_array_append_new(processes, json_pack("{s:i, s:o}", "pid", (int)file->pid[i],
							   "name", json_text__new(file->name[i])));
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:b, s:s, s:i, s:o}", "library",
			 tls_library__name(file->library), "version", file->version, "path",
			 json_text__new(file->path), "functions", words(file->functions), "probes",
			 (json_int_t)file->probes, "attach", !file->reason && !is_off, "reason",
			 file->reason ? file->reason
			 : is_off     ? "tls_uprobes is false"
				      : "",
			 "process_count", (int)file->process_count, "processes", processes);
}

json_t *plain_text__json(const struct plain_text *plain_text)
{
	json_t *files = json_array();

	for (size_t i = 0; i < plain_text->file_count; i++)
		json_array_append_new(files, json_file(&plain_text->files[i], plain_text->is_off));
	return json_pack("{s:b, s:i, s:i, s:i, s:i, s:b, s:i, s:b, s:o}", "uprobes",
			 !plain_text->is_off, "listening_processes",
			 plain_text->listeners < 0 ? 0 : plain_text->listeners, "without_library",
			 (int)plain_text->without, "unreadable_files", (int)plain_text->unreadable,
			 "hanging_processes", (int)plain_text->hanging, "files_cut",
			 plain_text->is_cut, "links_attached_now",
			 plain_text->links < 0 ? 0 : plain_text->links, "by_event",
			 plain_text->by_event, "files", files);
}
