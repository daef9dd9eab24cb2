// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/child.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "broker/confine.h"
#include "broker/enter.h"
#include "broker/filter.h"
#include "collect/postgres/ask.h"
#include "collect/postgres/proof.h"
#include "collect/postgres/result.h"
#include "collect/postgres/server_files.h"
#include "config/config.h"
#include "config/conninfo.h"
#include "config/databases.h"

#define FILE_BYTES 65536
#define PASSWD_BYTES (1U << 20)

/* Where no file of a container's is needed: of nobody's (nfsnobody). */
#define NOBODY 65534

static const struct config_postgres *rules;
static size_t rule_count;

void postgres_child__configure(const struct config *config)
{
	rules = config->postgres_rules;
	rule_count = config->postgres_rule_count;
	proof__prepare();
}

struct child {
	const struct broker_server *server;
	const struct config_postgres *rule; /* or NULL */
	int socket;
	int process, directory; /* its /proc/PID, and where it runs */
	uid_t uid;
	gid_t gid;
	uid_t inside; /* uid as its user namespace has it */
	struct postmaster postmaster;
	char variable[POSTGRES_ROLE_BYTES]; /* what its image calls the first role; "" */
	char user[POSTGRES_ROLE_BYTES];	    /* the user's name; "" */
	char password[1024];
	struct ask ask;
};

__attribute__((format(printf, 3, 4))) static int
fail(struct child *child, enum postgres_failure failure, const char *format, ...)
{
	char sentence[POSTGRES_SENTENCE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	postgres_text__clean(sentence);
	dprintf(child->socket, "edgetap 1\ndown %s %s\nend\n", postgres_failure__name(failure),
		sentence);
	return -1;
}

/* Who it is, and where: while everything of the host can still be seen. */
static int examine(struct child *child)
{
	static char text[FILE_BYTES];
	ssize_t length;

	child->process = enter__open(child->server->pid, child->server->start_ticks);
	if (child->process < 0)
		return fail(child, POSTGRES_ENTER, "it has ended");
	length = enter__read(child->process, "comm", text, sizeof(text));
	if (length < 0 || strcmp(text, "postgres\n") != 0)
		return fail(child, POSTGRES_NO_SERVER, "it is not called postgres");
	if (enter__read(child->process, "status", text, sizeof(text)) < 0 ||
	    server_files__ids(text, &child->uid, &child->gid))
		return fail(child, POSTGRES_ENTER, "its user cannot be told");
	child->inside = child->uid;
	if (enter__read(child->process, "uid_map", text, sizeof(text)) < 0 ||
	    server_files__inside(text, child->uid, &child->inside))
		return fail(child, POSTGRES_ENTER, "its user namespace cannot be told");
	length = enter__read(child->process, "environ", text, sizeof(text));
	if (length > 0)
		server_files__variable(text, (size_t)length, "POSTGRES_USER", child->variable);
	child->directory = openat(child->process, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (child->directory < 0)
		return fail(child, POSTGRES_ENTER, "its data directory: %s", strerror(errno));
	return 0;
}

/* Whether it is whom the rule means: here, where it is seen as it is, and before a secret is. */
static int examine_claim(struct child *child)
{
	const struct config_postgres *rule = child->rule;
	char sentence[POSTGRES_SENTENCE_BYTES];
	const char *obstacle = rule ? config_databases__obstacle(rule) : NULL;

	if (obstacle)
		return fail(child, POSTGRES_UNPROVEN, "password_file is not used: %s", obstacle);
	if (rule && proof__check(child->process, rule, sentence))
		return fail(child, POSTGRES_UNPROVEN, "%s", sentence);
	return 0;
}

/* The first line of a file that the user names, which may be root's alone. */
static int read_password(struct child *child)
{
	const char *path = child->rule ? child->rule->password_file : NULL;

	if (!path)
		return 0;
	if (enter__read(AT_FDCWD, path, child->password, sizeof(child->password)) < 0)
		return fail(child, POSTGRES_PASSWORD, "password_file %s cannot be read", path);
	child->password[strcspn(child->password, "\r\n")] = '\0';
	if (!*child->password)
		return fail(child, POSTGRES_PASSWORD, "password_file %s is empty", path);
	/* makes the cryptographic library read what it wants to read, here */
	PQfreemem(PQencryptPassword("a", "b"));
	return 0;
}

/* Only what the server itself may read, and only as it may. */
static int examine_inside(struct child *child)
{
	static char text[PASSWD_BYTES];

	if (enter__read(child->directory, "postmaster.pid", text, FILE_BYTES) < 0)
		return fail(child, POSTGRES_NO_SERVER, "no postmaster.pid where it runs");
	if (server_files__postmaster(text, &child->postmaster))
		return fail(child, POSTGRES_NO_SERVER, "its postmaster.pid is none");
	if (!child->postmaster.is_ready)
		return fail(child, POSTGRES_STARTING, "it does not take connections yet");
	if (!*child->postmaster.socket_directory)
		return fail(child, POSTGRES_CONNECT, "it has no socket directory");
	if (enter__read(AT_FDCWD, "/etc/passwd", text, sizeof(text)) >= 0)
		server_files__user(text, child->inside, child->user);
	return 0;
}

static int become(struct child *child, uid_t uid, gid_t gid)
{
	int err;

	if (!uid)
		return fail(child, POSTGRES_ENTER, "it runs as root, which Postgres never does");
	err = confine__become(uid, gid);
	if (err)
		return fail(child, POSTGRES_ENTER, "becoming its user: %s", strerror(-err));
	/* that was taken back with the change of user, or may have been (fs.suid_dumpable): what it
	 * remembers is not for others of that user */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_DUMPABLE, 0))
		return fail(child, POSTGRES_ENTER, "keeping others out: %s", strerror(errno));
	return 0;
}

/* Through its own socket, as its own user. */
static int go_inside(struct child *child)
{
	int err = enter__network(child->process);

	if (!err)
		err = enter__mount(child->process);
	if (err)
		return fail(child, POSTGRES_ENTER, "entering its namespaces: %s", strerror(-err));
	if (become(child, child->uid, child->gid) || examine_inside(child))
		return -1;
	err = filter__talk_only();
	if (err)
		return fail(child, POSTGRES_ENTER, "limiting system calls: %s", strerror(-err));
	snprintf(child->ask.port, sizeof(child->ask.port), "%u", child->postmaster.port);
	ask__add_role(&child->ask, child->server->role);
	ask__add_role(&child->ask, child->user);
	ask__add_role(&child->ask, child->variable);
	ask__add_role(&child->ask, "postgres");
	child->ask.host = child->postmaster.socket_directory;
	return 0;
}

/* To an address in its network, with files of the host. */
static int go_beside(struct child *child)
{
	int err = enter__network(child->process);

	if (err)
		return fail(child, POSTGRES_ENTER, "entering its network: %s", strerror(-err));
	return become(child, NOBODY, NOBODY);
}

void postgres_child__run(const struct broker_server *server, int socket)
{
	static struct child child;

	child = (struct child){ .server = server, .socket = socket };
	if (server->rule >= (int)rule_count)
		return;
	if (server->rule >= 0)
		child.rule = &rules[server->rule];
	clearenv();
	if (examine(&child) || examine_claim(&child) || read_password(&child))
		return;
	child.ask.password = *child.password ? child.password : NULL;
	child.ask.conninfo = child.rule ? child.rule->conninfo : NULL;
	child.ask.may_send_clear = child.rule && child.rule->may_send_clear;
	child.ask.pid = server->pid;
	child.ask.uid = child.uid;
	if (!(conninfo__has_host(child.ask.conninfo) ? go_beside(&child) : go_inside(&child)))
		ask__run(&child.ask, socket);
	explicit_bzero(child.password, sizeof(child.password));
}
