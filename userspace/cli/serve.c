// SPDX-License-Identifier: Apache-2.0
/*
 * serve: what can fail for a reason of the user's comes first and leaves
 * nothing behind: configuration, privileges, address. Only then is anything
 * loaded. The server's threads start last, with the few privileges that are left.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "access/access.h"
#include "agent/agent.h"
#include "agent/memory_limit.h"
#include "agent/privileges.h"
#include "agent/progress.h"
#include "agent/routes.h"
#include "agent/watch.h"
#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/server_options.h"
#include "collect/host/dm_thin.h"
#include "collect/postgres/child.h"
#include "config/warnings.h"
#include "http/server.h"

#define NS_PER_MS 1000000ULL

/* How long events are left alone that could not be read. */
#define EVENTS_PAUSE_NS (1000 * NS_PER_MS)

struct serve {
	const struct args *args;
	struct agent agent;
	struct http_server *server;
	struct access *access; /* who may ask */
	struct http_route routes[ROUTES_MAX];
	int listen_fd;
	int signal_fd;
	int epoll_fd;
	struct watch signals;
	struct watch events; /* of the kernel */
};

/* A broken file must not end what is running: the old configuration stays. */
static void serve__reload(struct serve *serve)
{
	struct config fresh = { 0 };
	struct config_error error;
	struct secret_error access_error;
	char names[CONFIG_NAMES_BYTES];

	if (args__load(serve->args, &fresh, &error)) {
		log__info("%s; the configuration stays as it was", error.text);
		config__free(&fresh);
	} else if (access__reload(serve->access, &fresh, &access_error)) {
		log__info("%s; the configuration stays as it was", access_error.text);
		config__free(&fresh);
	} else {
		bool differs = config__differs(&serve->agent.config, &fresh, names);

		agent__reload(&serve->agent, &fresh);
		log__info("configuration read again%s%s%s", differs ? "; " : "", names,
			  differs ? " cannot be changed while running" : "");
	}
}

/* Returns true if a signal says to leave. */
static bool serve__take_signals(struct serve *serve)
{
	struct signalfd_siginfo info;

	while (read(serve->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			return true;
		serve__reload(serve);
	}
	return false;
}

/*
 * Three threads that allocate by turns need no heap each, and what a scrape or
 * the start took in large pieces goes back to the system when it is freed. With
 * the library's own choice 1,000 instances take 11 MB more. Before any thread.
 */
static void tune_malloc(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

/* Sleeps until there is something to do: an event, a signal, or the next tick. */
static int serve__wait(struct serve *serve, struct epoll_event *events, int count)
{
	uint64_t now_ns = clock__now_ns(), next_ns = agent__next_ns(&serve->agent);
	uint64_t wait_ms;
	int ready;

	if (next_ns > serve->events.resume_ns)
		next_ns = serve->events.resume_ns;
	wait_ms = next_ns > now_ns ? (next_ns - now_ns) / NS_PER_MS + 1 : 0;
	ready = epoll_wait(serve->epoll_fd, events, count, (int)wait_ms);

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready;
}

static int serve__loop(struct serve *serve)
{
	priority__prompt();
	for (;;) {
		struct epoll_event events[2];
		int count = serve__wait(serve, events, 2);

		if (count < 0)
			return count;
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == serve->signal_fd) {
				if (serve__take_signals(serve))
					return 0;
			} else if (agent__drain(&serve->agent)) {
				watch__pause(&serve->events, clock__now_ns() + EVENTS_PAUSE_NS);
			}
		}
		watch__resume(&serve->events, clock__now_ns());
		if (clock__now_ns() >= agent__next_ns(&serve->agent))
			agent__tick(&serve->agent, clock__now_ns());
	}
}

/* Signals become readable here, and in no thread do anything else. */
static int serve__open_signals(struct serve *serve)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	serve->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	serve->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (serve->signal_fd < 0 || serve->epoll_fd < 0)
		return -errno;
	return watch__start(&serve->signals, serve->epoll_fd, serve->signal_fd);
}

static int serve__start_server(struct serve *serve, const char **ret_message)
{
	struct http_server_options options;
	int err;

	server_options__fill(&options, &serve->agent.config, serve->listen_fd, serve->access);
	options.observed = "HTTP and TCP of every container and process on this machine";
	err = http_server__start(&serve->server, &options, serve->routes,
				 routes__fill(serve->routes), &serve->agent, ret_message);
	if (!err)
		serve->listen_fd = -1; /* the server closes it */
	return err;
}

static void serve__announce(struct serve *serve)
{
	const char *listen = serve->agent.config.listen;
	const struct loader_hook *hooks;
	size_t count = loader__hooks(serve->agent.loader, &hooks), chosen = 0;

	for (size_t i = 0; i < count; i++)
		chosen += hooks[i].chosen;
	log__info("observing HTTP and TCP on %s through %zu hooks; %llu connections were there "
		  "already",
		  serve->agent.config.host, chosen,
		  (unsigned long long)agent__connections(&serve->agent));
	if (serve->agent.config.tls_uprobes &&
	    !loader__has_probe(serve->agent.loader, "plain_frames_read"))
		log__warn(
			"this kernel refuses programs for TLS libraries: %s inside TLS will not be "
			"seen; EDGETAP_LIBBPF_LOG=1 shows its reasons",
			loader__has_probe(serve->agent.loader, "plain_text_read")
				? "HTTP/2 and WebSocket"
				: "plain text");
	log__info("metrics at http%s://%.*s:%u/metrics%s",
		  access__has_tls(serve->access) ? "s" : "", (int)(strrchr(listen, ':') - listen),
		  listen, http_server__port(serve->server),
		  access__is_open(serve->access) ? "" : ", with credentials");
}

/* What needs it is missing without it; the rest is not. */
static void serve__start_broker(struct agent *agent)
{
	static struct broker_options options = {
		.postgres = postgres_child__run,
		.thin = dm_thin__status,
		.warn = log__warn,
	};
	int err;

	options.uses = privileges__uses(&agent->config, false);
	postgres_child__configure(&agent->config);
	err = broker__start(&agent->broker, &options);
	if (err)
		log__warn("no helper process, containers cannot be entered: %s", strerror(-err));
}

/* A capability that is not there is said now, not when its lack is met. */
static void serve__tell_missing(unsigned int uses)
{
	struct privilege privileges[CAPABILITY_COUNT];

	if (privileges__read(uses, privileges))
		return;
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *capability = privileges[i].capability;

		if (!privileges[i].is_needed || privileges[i].state == PRIVILEGE_HELD)
			continue;
		if (privileges[i].state == PRIVILEGE_MISSING)
			log__info("without %s %s", capability->name, capability->without);
		else
			log__info("without %s CAP_SYS_ADMIN is kept, which stands for it",
				  capability->name);
	}
}

static int serve__start_access(struct serve *serve, const char **ret_message)
{
	static struct secret_error error;
	int err = access__new(&serve->access, &serve->agent.config, log__warn, &error);

	if (err)
		*ret_message = error.text;
	return err;
}

/* Up to the point where everything runs. A NULL message: a stage has printed its own. */
static int serve__start(struct serve *serve, const char **ret_message)
{
	struct agent *agent = &serve->agent;
	struct progress progress;
	int err;

	*ret_message = facts__obstacle();
	if (*ret_message)
		return -EPERM;
	memory_limit__settle(&agent->config);
	serve__start_broker(agent);
	err = serve__open_signals(serve);
	if (err) {
		*ret_message = "cannot wait for signals";
		return err;
	}
	err = serve__start_access(serve, ret_message);
	if (err)
		return err;
	err = listen__open(&serve->listen_fd, agent->config.listen, ret_message);
	if (err) {
		serve->listen_fd = -1;
		return err;
	}
	progress__start(&progress,
			"still loading, or looking for connections that are there already");
	err = agent__new(agent, ret_message);
	if (!err)
		err = agent__attach(agent, ret_message);
	progress__stop(&progress);
	if (err)
		return err;
	serve__tell_missing(agent__uses(agent));
	err = privileges__drop(agent__uses(agent));
	if (!err)
		err = watch__start(&serve->events, serve->epoll_fd,
				   loader__event_fd(agent->loader));
	if (err) {
		*ret_message = "cannot give up the privileges that are no longer needed";
		return err;
	}
	err = serve__start_server(serve, ret_message);
	if (err)
		return err;
	agent->server = serve->server;
	agent->ready = true;
	serve__announce(serve);
	return 0;
}

static void serve__end(struct serve *serve)
{
	const int fds[] = { serve->listen_fd, serve->signal_fd, serve->epoll_fd };

	serve->agent.ready = false;
	http_server__stop(serve->server);
	access__free(serve->access);
	agent__free(&serve->agent);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void say_warning(void *ctx, const char *sentence)
{
	(void)ctx;
	log__info("%s", sentence);
}

int command__serve(const struct args *args)
{
	struct serve serve = {
		.args = args,
		.agent.lock = PTHREAD_MUTEX_INITIALIZER,
		.listen_fd = -1,
		.signal_fd = -1,
		.epoll_fd = -1,
	};
	struct config_error error;
	const char *message;
	int err;

	tune_malloc();
	if (args__load(args, &serve.agent.config, &error)) {
		log__info("%s", error.text);
		config__free(&serve.agent.config);
		return error.is_usage ? EXIT_USAGE : 1;
	}
	config_warnings__each(&serve.agent.config, say_warning, NULL);
	err = serve__start(&serve, &message);
	if (err && message)
		log__info("%s", message);
	if (!err) {
		err = serve__loop(&serve);
		if (err)
			log__info("cannot wait for events: %s", strerror(-err));
	}
	serve__end(&serve);
	return err ? 1 : 0;
}
