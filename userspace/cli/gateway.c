// SPDX-License-Identifier: Apache-2.0
/*
 * gateway: the query API of a Prometheus for readers who may see some apps only. It observes
 * nothing and can do its work as anybody, so it refuses to be root, and what it could do
 * beyond that is given up before the first client: who takes it over has no more than one of
 * its readers and the way to the upstream.
 */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "access/access.h"
#include "base/listen.h"
#include "base/log.h"
#include "broker/confine.h"
#include "cli/commands.h"
#include "cli/server_options.h"
#include "config/warnings.h"
#include "gateway/gateway.h"
#include "http/server.h"

/* A minute of warnings ends also if nothing happens. */
#define TICK_S 10

/* To listen on port 443, say, and to take the others out of the bounding set. */
#define STARTING (1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_SETPCAP)

struct proxy {
	const struct args *args;
	struct config config;
	struct access *access; /* who may ask */
	struct http_server *server;
	int listen_fd;
	sigset_t signals;
};

static int handle_query(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct config *config = ctx;
	/* None of them changes while the server runs. */
	const struct gateway_options options = {
		.url = config->query_url,
		.org = config->query_org,
		.token_file = config->query_token_file,
		.ca_file = config->query_ca_file,
	};

	return gateway__handle(&options, request, reply);
}

/* Not whether the upstream answers: without it readers are told so, in its own form. */
static int handle_ready(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	return http_reply__text(reply, 200, "ready\n");
}

static const struct http_route routes[] = {
	{
		.path = GATEWAY_PREFIX,
		.description = "the query API of Prometheus, below the organisation",
		.handle = handle_query,
		.slow = true,
		.prefix = true,
		.takes_form = true,
	},
	{
		.path = "/-/ready",
		.description = "200 while queries are taken",
		.handle = handle_ready,
		.quick = true,
	},
};

static void take_over(struct config *config, struct config *fresh)
{
	char names[CONFIG_NAMES_BYTES];
	bool differs = config__differs(config, fresh, names);

	config__reload(config, fresh);
	log__info("configuration read again%s%s%s", differs ? "; " : "", names,
		  differs ? " cannot be changed while running" : "");
}

/* A broken file must not end what is running: the old configuration stays. */
static void proxy__reload(struct proxy *proxy)
{
	struct config fresh = { 0 };
	struct config_error error;
	struct secret_error access_error;

	if (args__load(proxy->args, &fresh, &error))
		log__info("%s; the configuration stays as it was", error.text);
	else if (access__reload(proxy->access, &fresh, &access_error))
		log__info("%s; the configuration stays as it was", access_error.text);
	else
		take_over(&proxy->config, &fresh);
	config__free(&fresh);
}

/* Until a signal says to leave. */
static void proxy__loop(struct proxy *proxy)
{
	const struct timespec tick = { .tv_sec = TICK_S };

	for (;;) {
		int number = sigtimedwait(&proxy->signals, NULL, &tick);

		if (number == SIGHUP)
			proxy__reload(proxy);
		else if (number > 0)
			return;
		log__tick();
	}
}

/* Every thread that is started later has them blocked, too. */
static int proxy__block_signals(struct proxy *proxy)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&proxy->signals);
	sigaddset(&proxy->signals, SIGTERM);
	sigaddset(&proxy->signals, SIGINT);
	sigaddset(&proxy->signals, SIGHUP);
	return -pthread_sigmask(SIG_BLOCK, &proxy->signals, NULL);
}

static int proxy__start_server(struct proxy *proxy, const char **ret_message)
{
	struct http_server_options options;
	int err;

	server_options__fill(&options, &proxy->config, proxy->listen_fd, proxy->access);
	options.observed = "The query API of a Prometheus, narrowed to what the reader may see";
	options.slow_threads = proxy->config.query_threads;
	options.slow_timeout_ms = proxy->config.query_timeout_ms;
	err = http_server__start(&proxy->server, &options, routes,
				 sizeof(routes) / sizeof(routes[0]), &proxy->config, ret_message);
	if (!err)
		proxy->listen_fd = -1; /* the server closes it */
	return err;
}

static void proxy__announce(const struct proxy *proxy)
{
	const char *listen = proxy->config.listen;

	log__info("queries of %s at http%s://%.*s:%u" GATEWAY_PREFIX "%s/%s",
		  proxy->config.query_url, access__has_tls(proxy->access) ? "s" : "",
		  (int)(strrchr(listen, ':') - listen), listen, http_server__port(proxy->server),
		  proxy->config.query_org,
		  access__is_open(proxy->access) ? ", open to everybody" : ", with credentials");
}

/* Before the first thread, as each has its own. */
static int give_up(const char **ret_message)
{
	int err = confine__keep(0);

	if (!err)
		err = secret__protect_process();
	if (!err)
		err = confine__read_only();
	if (err == -EOPNOTSUPP) {
		log__info("without Landlock, which is not offered here, the gateway could still "
			  "write what its user may");
		return 0;
	}
	if (err)
		*ret_message = "cannot give up privileges";
	return err;
}

static int proxy__start(struct proxy *proxy, const char **ret_message)
{
	static struct secret_error error;
	int err;

	*ret_message = "out of memory";
	err = proxy__block_signals(proxy);
	if (!err)
		err = gateway__init();
	if (err)
		return err;
	err = access__new(&proxy->access, &proxy->config, log__warn, &error);
	if (err) {
		*ret_message = error.text;
		return err;
	}
	err = listen__open(&proxy->listen_fd, proxy->config.listen, ret_message);
	if (err) {
		proxy->listen_fd = -1;
		return err;
	}
	err = give_up(ret_message);
	if (!err)
		err = proxy__start_server(proxy, ret_message);
	if (!err)
		proxy__announce(proxy);
	return err;
}

static void say_warning(void *ctx, const char *sentence)
{
	(void)ctx;
	log__info("%s", sentence);
}

static int run(struct proxy *proxy)
{
	struct config_error error;
	const char *message;
	int err = args__load(proxy->args, &proxy->config, &error);

	if (err) {
		log__info("%s", error.text);
		return error.is_usage ? EXIT_USAGE : 1;
	}
	config_warnings__each(&proxy->config, say_warning, NULL);
	err = proxy__start(proxy, &message);
	if (err)
		log__info("%s", message);
	else
		proxy__loop(proxy);
	return err ? 1 : 0;
}

int command__gateway(const struct args *args)
{
	struct proxy proxy = { .args = args, .listen_fd = -1 };
	int status;

	if (geteuid() == 0 && !args->allow_root) {
		log__info("the gateway needs nothing of root's: run it as another user, or with "
			  "--allow-root if it must be");
		return 1;
	}
	if (confine__keep(STARTING)) {
		log__info("cannot give up privileges");
		return 1;
	}
	status = run(&proxy);
	http_server__stop(proxy.server);
	access__free(proxy.access);
	config__free(&proxy.config);
	if (proxy.listen_fd >= 0)
		close(proxy.listen_fd);
	return status;
}
