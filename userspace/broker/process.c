// SPDX-License-Identifier: Apache-2.0
#include "broker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/capability.h"
#include "broker/confine.h"
#include "broker/job.h"
#include "broker/wire.h"

#define NS_PER_MS 1000000ULL
#define CHANNEL_FD 3
#define JOB_FD 4

/* At once. One kind cannot take the places of all. */
#define MAX_CHILDREN 32
#define MAX_CHILDREN_OF_A_KIND 16

struct child {
	pid_t pid; /* 0: free */
	uint32_t kind;
	pid_t of;    /* the process that it is about; 0: none */
	uid_t owner; /* whose that is */
	uint64_t until_ns;
	bool is_killed;
};

struct broker_process {
	struct child child[MAX_CHILDREN];
	const struct broker_options *options;
	sigset_t before; /* signals as the parent had them, SIGCHLD let through */
};

/* Interrupts the wait; that is all. */
static void on_child(int number)
{
	(void)number;
}

static int prepare_signals(struct broker_process *process)
{
	const struct sigaction action = { .sa_handler = on_child };
	const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT };
	sigset_t blocked;

	/* What ends the agent reaches its whole group; the broker goes when the agent has gone. */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	if (sigaction(SIGCHLD, &action, NULL))
		return -errno;
	sigemptyset(&process->before);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	return sigprocmask(SIG_SETMASK, &blocked, NULL) ? -errno : 0;
}

/* Nothing of the agent's stays open but the channel. */
static int prepare_descriptors(int channel)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	if (channel == CHANNEL_FD)
		channel = dup(channel);
	if (channel < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup3(channel, CHANNEL_FD, O_CLOEXEC) < 0)
		return -errno;
	confine__close_from(CHANNEL_FD + 1);
	return 0;
}

static int prepare(struct broker_process *process, int channel, pid_t agent)
{
	int err = prepare_signals(process);

	prctl(PR_SET_NAME, "edgetap-broker");
	if (!err)
		err = prepare_descriptors(channel);
	if (!err)
		err = confine__keep(capability__broker(process->options->uses));
	if (!err && prctl(PR_SET_PDEATHSIG, SIGKILL))
		err = -errno;
	/* it ended before that */
	if (!err && getppid() != agent)
		err = -ESRCH;
	return err;
}

static _Noreturn void child__run(const struct broker_process *process,
				 const struct broker_request *request, int socket)
{
	int err = 0;

	if (socket != JOB_FD) {
		if (dup3(socket, JOB_FD, O_CLOEXEC) < 0)
			_exit(1);
		socket = JOB_FD;
	}
	close(CHANNEL_FD);
	confine__close_from(JOB_FD + 1);
	prctl(PR_SET_NAME, "edgetap-asks");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	/* beside the broker's own deadline: nobody may be there to keep that */
	alarm(job__deadline_ms(request) / 1000 + 1);
	if (sigprocmask(SIG_SETMASK, &process->before, NULL))
		err = -errno;
	job__do(request, socket, process->options, err);
	_exit(0);
}

static void reap(struct broker_process *process)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < MAX_CHILDREN; i++)
			if (process->child[i].pid == pid)
				process->child[i].pid = 0;
}

/* Whose a process is, as far as it shows that; its memory is not asked for. */
static uid_t owner_of(pid_t pid)
{
	char path[32];
	struct stat stat_;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &stat_) ? 0 : stat_.st_uid;
}

/*
 * A child may hang beyond its end, not even SIGKILL ends what waits for a file system. So there
 * is one at most about a process, and one owner's take no more places than are left for others.
 */
static struct child *free_child(struct broker_process *process, uint32_t kind, pid_t of,
				uid_t owner)
{
	struct child *found = NULL;
	int of_kind = 0, of_owner = 0;

	for (int i = 0; i < MAX_CHILDREN; i++) {
		const struct child *child = &process->child[i];

		if (!child->pid) {
			found = &process->child[i];
			continue;
		}
		if (child->kind != kind)
			continue;
		of_kind++;
		of_owner += of && child->owner == owner;
		if (of && child->of == of && child->is_killed)
			return NULL;
	}
	return of_kind + of_owner < MAX_CHILDREN_OF_A_KIND ? found : NULL;
}

static int start_child(struct broker_process *process, const struct broker_request *request,
		       int socket)
{
	struct child *child;
	uid_t owner;
	pid_t pid;

	if (!job__is_valid(request))
		return -EINVAL;
	owner = owner_of(request->server.pid);
	/* some have answered, and just not been taken off the list */
	reap(process);
	child = free_child(process, request->kind, request->server.pid, owner);
	if (!child)
		return -EBUSY;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child__run(process, request, socket);
	*child = (struct child){
		.pid = pid,
		.kind = request->kind,
		.of = request->server.pid,
		.owner = owner,
		.until_ns = clock__now_ns() + job__deadline_ms(request) * NS_PER_MS,
	};
	return 0;
}

/* Who asked has given up, while this was stopped say. */
static bool is_abandoned(int socket)
{
	struct pollfd gone = { .fd = socket };

	return poll(&gone, 1, 0) == 1 && (gone.revents & POLLHUP);
}

/* Returns false at the end of the channel. */
static bool take_request(struct broker_process *process)
{
	struct broker_request request;
	int socket, err;

	err = wire__receive(CHANNEL_FD, &request, sizeof(request), &socket);
	if (err)
		return err == -EBADMSG;
	if (socket < 0)
		return true;
	err = is_abandoned(socket) ? 0 : start_child(process, &request, socket);
	if (err) {
		const struct broker_reply reply = { .err = err };

		if (request.kind != BROKER_POSTGRES)
			wire__send(socket, &reply, sizeof(reply), -1, MSG_DONTWAIT);
	}
	close(socket);
	return true;
}

/* Ends those that are late; a stopped process does not see its alarm. Returns when the next is. */
static uint64_t end_late(struct broker_process *process)
{
	uint64_t at_ns = clock__now_ns(), next_ns = UINT64_MAX;

	for (int i = 0; i < MAX_CHILDREN; i++) {
		struct child *child = &process->child[i];

		if (!child->pid || child->is_killed)
			continue;
		if (child->until_ns <= at_ns) {
			kill(child->pid, SIGKILL);
			child->is_killed = true;
		} else if (child->until_ns < next_ns) {
			next_ns = child->until_ns;
		}
	}
	return next_ns;
}

static void serve(struct broker_process *process)
{
	for (;;) {
		struct pollfd ready = { .fd = CHANNEL_FD, .events = POLLIN };
		uint64_t next_ns, at_ns;
		struct timespec wait;
		int count;

		reap(process);
		next_ns = end_late(process);
		at_ns = clock__now_ns();
		next_ns = next_ns > at_ns ? next_ns - at_ns : 0;
		wait.tv_sec = (time_t)(next_ns / (1000 * NS_PER_MS));
		wait.tv_nsec = (long)(next_ns % (1000 * NS_PER_MS));
		count = ppoll(&ready, 1, next_ns > UINT64_MAX / 2 ? NULL : &wait, &process->before);
		if (count > 0 && !take_request(process))
			return;
		if (count < 0 && errno != EINTR)
			return;
	}
}

void broker_process__run(int channel, pid_t agent, const struct broker_options *options)
{
	struct broker_process process = { .options = options };

	if (prepare(&process, channel, agent))
		_exit(1);
	serve(&process);
	for (int i = 0; i < MAX_CHILDREN; i++)
		if (process.child[i].pid)
			kill(process.child[i].pid, SIGKILL);
	_exit(0);
}
