// SPDX-License-Identifier: Apache-2.0
/*
 * Runs each end-to-end script in a process of its own, with a time limit, and
 * leaves nothing of it behind: that process's parent, its runner, is the reaper
 * of all that the script has started, so daemons that have left the script's
 * session are found and killed too. Output goes to BUILD/e2e/NAME.log, and to
 * the terminal when the script fails or V=1.
 *
 * Scripts mostly wait, so LANES of them run side by side; then those that must
 * not be disturbed, which say so in a line "# alone: WHY", one after the other.
 * Check's tests take the outcomes from a pipe in the order in which scripts end.
 */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 300
#define TIMEOUT_ALL_S 1200 /* of a script that runs at full size */
#define LANES 2		   /* unless CHECK_LANES in the environment is another number */
#define EXIT_SKIPPED 77
#define HEAD_BYTES 1024
#define TAIL_BYTES (64 * 1024)

static char **scripts; /* paths, those that run alone last; they live as long as the process */
static size_t script_count;
static size_t first_alone; /* index into scripts */

struct outcome {
	size_t script; /* index into scripts */
	int status;    /* as waitpid() has it, -1 if it ran out of time */
	double seconds;
};

static int outcomes[2] = { -1, -1 };
static pid_t scheduler = -1;

static const char *build_dir(void)
{
	const char *dir = getenv("BUILD");

	return dir ? dir : "build";
}

/* "tests/e2e/test_NAME.py" -> "NAME" in static storage. */
static const char *short_name(const char *path)
{
	static char name[128];
	const char *base = strrchr(path, '/') + 1;

	if (!strncmp(base, "test_", 5))
		base += 5;
	snprintf(name, sizeof(name), "%s", base);
	name[strcspn(name, ".")] = '\0';
	return name;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int timeout_s(void)
{
	const char *all = getenv("CHECK_ALL");

	return all && *all ? TIMEOUT_ALL_S : TIMEOUT_S;
}

/* Does one of its first lines ask for a machine without other scripts? */
static size_t lanes(void)
{
	const char *wanted = getenv("CHECK_LANES");

	return wanted && atoi(wanted) > 0 ? (size_t)atoi(wanted) : LANES;
}

static bool wants_to_be_alone(const char *path)
{
	char head[HEAD_BYTES + 1] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, head, HEAD_BYTES) < 0)
			head[0] = '\0';
		close(fd);
	}
	return strstr(head, "\n# alone: ");
}

static void find_scripts(const char *name)
{
	static glob_t found;
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "/%s", name ? name : "");
	if (name)
		snprintf(wanted, sizeof(wanted), "%s", short_name(wanted));
	glob("tests/e2e/test_*.py", 0, NULL, &found);
	glob("tests/e2e/test_*.sh", GLOB_APPEND, NULL, &found);
	scripts = calloc(found.gl_pathc + 1, sizeof(*scripts));
	for (int alone = 0; scripts && alone < 2; alone++) {
		first_alone = script_count;
		for (size_t i = 0; i < found.gl_pathc; i++) {
			char *path = found.gl_pathv[i];

			if ((!name || !strcmp(wanted, short_name(path))) &&
			    wants_to_be_alone(path) == alone)
				scripts[script_count++] = path;
		}
	}
}

/* Kills and reaps all children, and what is reparented to us by that, until none is left. */
static void reap_everything(void)
{
	char path[64], pids[4096];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		len = fd < 0 ? -1 : read(fd, pids, sizeof(pids) - 1);
		if (fd >= 0)
			close(fd);
		if (len <= 0)
			return;
		pids[len] = '\0';
		for (char *p = pids, *end; *p; p = end + strspn(end, " ")) {
			pid_t pid = strtol(p, &end, 10);

			if (end == p)
				break;
			/* A number cut off by the end of the buffer is read again next time. */
			if (*end != ' ')
				break;
			kill(pid, SIGKILL);
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				;
		}
	}
}

/* Waits for pid until the deadline; returns its wait status, or -1 at the deadline. */
static int wait_until(pid_t pid, double deadline_s)
{
	const struct timespec tick = { .tv_nsec = 20 * 1000 * 1000 };
	int status;

	while (now_s() < deadline_s) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return -1;
		nanosleep(&tick, NULL);
	}
	return -1;
}

/* Not the python3 of PATH: the distribution's, which the packages are for. */
static const char *interpreter(const char *script)
{
	return strcmp(strrchr(script, '.'), ".py") ? "/bin/bash" : "/usr/bin/python3";
}

/* BUILD/e2e/NAME.log, in static storage. */
static const char *log_of(const char *script)
{
	static char log[512];

	snprintf(log, sizeof(log), "%s/e2e/%s.log", build_dir(), short_name(script));
	return log;
}

/* Replaces the process by the script, whose end is its parent's end too. */
static void become(const char *script)
{
	int log = open(log_of(script), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (log < 0 || null < 0) {
		dprintf(STDERR_FILENO, "cannot write %s: %s\n", log_of(script), strerror(errno));
		_exit(126);
	}
	setsid(); /* so that it may have a priority of its own */
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execl(interpreter(script), interpreter(script), script, NULL);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", script, strerror(errno));
	_exit(127);
}

/*
 * Another run on this machine serves under the same names in the same script, and agents see
 * both: one at a time, by a name that is held until the process ends.
 */
static void await_namesake(const char *script)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double deadline_s = now_s() + timeout_s();

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "edgetap-e2e-%s",
		 short_name(script));
	while (bind(fd, (struct sockaddr *)&address, sizeof(address)) && errno == EADDRINUSE &&
	       now_s() < deadline_s)
		nanosleep(&tick, NULL);
}

/* The runner of one script: a process of its own, so that it reaps what is this script's only. */
static void run(size_t number)
{
	struct outcome outcome = { .script = number, .status = -1 };
	double begun_s;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	await_namesake(scripts[number]);
	begun_s = now_s();
	pid = fork();
	if (!pid)
		become(scripts[number]);
	if (pid > 0)
		outcome.status = wait_until(pid, begun_s + timeout_s());
	reap_everything();
	outcome.seconds = now_s() - begun_s;
	_exit(write(outcomes[1], &outcome, sizeof(outcome)) != sizeof(outcome));
}

static void run_all(void)
{
	size_t running = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (size_t i = 0; i < script_count; i++) {
		size_t room = i < first_alone ? lanes() : 1;
		pid_t pid;

		for (; running >= room; running--)
			wait(NULL);
		pid = fork();
		if (!pid)
			run(i);
		running += pid > 0;
	}
	while (running--)
		wait(NULL);
}

/* Before the first of Check's tests, in the process that forks them. */
static void start_scripts(void)
{
	char folder[512];

	if (geteuid() || !script_count)
		return;
	snprintf(folder, sizeof(folder), "%s/e2e", build_dir());
	mkdir(folder, 0755);
	ck_assert_int_eq(pipe2(outcomes, O_CLOEXEC), 0);
	fflush(NULL);
	scheduler = fork();
	ck_assert_int_ge(scheduler, 0);
	if (!scheduler) {
		run_all();
		_exit(0);
	}
	close(outcomes[1]); /* so that the end of the runners is the end of the pipe */
}

static void await_scripts(void)
{
	if (scheduler > 0)
		waitpid(scheduler, NULL, 0);
}

/* The last bytes of a log, NUL-terminated; the caller frees it. */
static char *read_tail(const char *log)
{
	char *text = calloc(1, TAIL_BYTES + 1);
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	struct stat st;

	ck_assert_ptr_nonnull(text);
	if (fd >= 0 && !fstat(fd, &st)) {
		off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;

		if (pread(fd, text, TAIL_BYTES, from) < 0)
			text[0] = '\0';
	}
	if (fd >= 0)
		close(fd);
	return text;
}

/* The reason in the last line of text if it is "SKIP: reason", else NULL; cuts trailing newlines. */
static const char *skip_reason(char *text)
{
	size_t len = strlen(text);
	const char *line;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	return !strncmp(line, "SKIP: ", 6) && line[6] ? line + 6 : NULL;
}

/* Judges the script that ends next. */
START_TEST(script)
{
	const char *path, *name, *log, *reason, *verbose = getenv("V");
	struct outcome ended;
	int status;
	char *text;

	if (geteuid()) {
		printf("SKIP %s: needs root\n", short_name(scripts[_i]));
		return;
	}
	ck_assert_msg(read(outcomes[0], &ended, sizeof(ended)) == sizeof(ended),
		      "nobody runs the scripts any more");
	path = scripts[ended.script];
	name = short_name(path);
	log = log_of(path);
	status = ended.status;

	text = read_tail(log);
	reason = skip_reason(text);
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED && reason) {
		printf("SKIP %s: %s\n", name, reason);
		free(text);
		return;
	}
	if (status || (verbose && !strcmp(verbose, "1")))
		printf("---- %s (all of it: %s)\n%s\n----\n", path, log, text);
	printf("%s %s (%.1f s)\n", status ? "FAIL" : "ok  ", name, ended.seconds);
	free(text);

	ck_assert_msg(status != -1, "%s was killed after %d s; see %s", path, timeout_s(), log);
	ck_assert_msg(!WIFSIGNALED(status), "%s was killed by signal %d; see %s", path,
		      WTERMSIG(status), log);
	ck_assert_msg(WEXITSTATUS(status) != EXIT_SKIPPED, "%s skipped itself without a reason",
		      path);
	ck_assert_msg(!status, "%s exited with status %d; see %s", path, WEXITSTATUS(status), log);
}
END_TEST

START_TEST(scripts_exist)
{
	ck_assert_msg(script_count > 0, "no end-to-end script of that name in tests/e2e");
}
END_TEST

Suite *e2e_suite(const char *name)
{
	Suite *suite = suite_create("e2e");
	TCase *scripts_case = tcase_create("scripts");

	find_scripts(name);
	/* A test may wait for two scripts, for their namesakes, and for what they have left behind.
	 */
	tcase_set_timeout(scripts_case, 4 * timeout_s() + 60);
	tcase_add_unchecked_fixture(scripts_case, start_scripts, await_scripts);
	tcase_add_test(scripts_case, scripts_exist);
	tcase_add_loop_test(scripts_case, script, 0, script_count);
	suite_add_tcase(suite, scripts_case);
	return suite;
}
