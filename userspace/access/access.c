// SPDX-License-Identifier: Apache-2.0
#include "access/access.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/rules.h"

#define LOOK_NS 1000000000ULL
#define RETRY_NS (10 * LOOK_NS)

struct access {
	pthread_mutex_t lock;
	struct rules *rules; /* under the lock; users take a reference */
	uint64_t next_look_ns, retry_ns;
	struct password_memory passwords;
	access_warn_fn warn;
	bool failed;		   /* the last reading */
	struct secret_error error; /* of it, as it was warned of */
	char *priorities;	   /* of the running server */
	struct http_tls tls;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Puts other rules in force, under the lock. What the server has from its start must stay. */
static int replace(struct access *access, struct rules *fresh, struct secret_error *error)
{
	const char *now = access->priorities;

	if (!now != !fresh->web.has_tls)
		return secret__fail(error, -ENOTSUP, "TLS %s, which takes a restart",
				    now ? "is no longer configured" : "is configured now");
	if (now && strcmp(now, tls_material__priorities(fresh->tls)) != 0)
		access->warn("other TLS versions or ciphers take a restart");
	rules__unref(access->rules);
	access->rules = fresh;
	return 0;
}

/* What cannot be used changes nothing; said once for each reason. Under the lock. */
static void give_up(struct access *access, const struct secret_error *error)
{
	if (!access->failed || strcmp(error->text, access->error.text) != 0)
		access->warn("%s; who may ask stays as it was", error->text);
	access->error = *error;
	access->failed = true;
	access->retry_ns = clock_ns(CLOCK_MONOTONIC) + RETRY_NS;
	rules__note_files(access->rules);
}

/*
 * Reads the files again if one has changed; some time after a reading that
 * failed in any case, as the reason may lie in a file that was not known before.
 * Under the lock.
 */
static void look(struct access *access, uint64_t now_ns)
{
	struct secret_error error;
	struct rules *fresh;

	access->next_look_ns = now_ns + LOOK_NS;
	if (!rules__have_changed(access->rules) && !(access->failed && now_ns >= access->retry_ns))
		return;
	if (rules__again(&fresh, access->rules, &error)) {
		give_up(access, &error);
	} else if (replace(access, fresh, &error)) {
		rules__unref(fresh);
		give_up(access, &error);
	} else {
		access->warn("credentials read again, as their files have changed");
		access->failed = false;
	}
}

/* The rules in force, with a reference for the caller. */
static struct rules *current(struct access *access)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	struct rules *rules;

	pthread_mutex_lock(&access->lock);
	if (now_ns >= access->next_look_ns)
		look(access, now_ns);
	rules = rules__ref(access->rules);
	pthread_mutex_unlock(&access->lock);
	return rules;
}

static bool is_health(const char *path)
{
	return strcmp(path, "/-/healthy") == 0 || strcmp(path, "/-/ready") == 0;
}

/* Says which credentials would do (RFC 9110, 11.6.1), and what was wrong with the token. */
static int challenge(const struct rules *rules, const struct decision *decision,
		     struct http_reply *reply)
{
	char bearer[HTTP_FIELD_VALUE_MAX];
	int err = 0;

	if (rules->token_count || rules->keys) {
		snprintf(bearer, sizeof(bearer), "Bearer realm=\"edgetap\"%s%s%s%s%s",
			 decision->error ? ", error=\"" : "",
			 decision->error ? decision->error : "",
			 decision->error ? "\", error_description=\"" : "",
			 decision->error ? decision->why : "", decision->error ? "\"" : "");
		err = http_reply__field(reply, "WWW-Authenticate", bearer);
	}
	if (!err && rules->web.user_count && decision->status == 401)
		err = http_reply__field(reply, "WWW-Authenticate",
					"Basic realm=\"edgetap\", charset=\"UTF-8\"");
	return err;
}

static struct rules_request describe(struct access *access, const struct http_request *request)
{
	return (struct rules_request){
		.method = http_request__method(request),
		.path = http_request__path(request),
		.authorization = http_request__header(request, "Authorization"),
		.authorization_count = http_request__header_count(request, "Authorization"),
		.now = (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000000),
		.passwords = &access->passwords,
	};
}

static int give_headers(const struct rules *rules, struct http_request *request)
{
	int err = 0;

	for (size_t i = 0; i < rules->web.header_count && !err; i++)
		err = http_request__give_field(request, rules->web.header[i].name,
					       rules->web.header[i].value);
	return err;
}

static int decide(struct access *access, const struct rules *rules, struct http_request *request,
		  struct http_reply *reply)
{
	const struct rules_request about = describe(access, request);
	struct decision decision;
	int err = rules__decide(rules, &about, &decision);

	if (err)
		return err;
	if (decision.verdict == VERDICT_UNSURE) {
		if (!http_request__was_checked(request))
			return HTTP_BEFORE_CHECK;
		rules__deny_password(&decision);
	}
	if (decision.verdict == VERDICT_ALLOW) {
		http_request__give_scope(request, decision.scope);
		http_request__give_holder(request, decision.holder);
		return 0;
	}
	err = challenge(rules, &decision, reply);
	if (!err)
		err = http_reply__text(reply, decision.status, "%s\n", decision.why);
	return err ? err : 1;
}

static int before(void *ctx, struct http_request *request, struct http_reply *reply)
{
	struct access *access = ctx;
	struct rules *rules = current(access);
	int err = 0;

	if (!http_request__was_checked(request))
		err = give_headers(rules, request);
	if (!err && !is_health(http_request__path(request)))
		err = decide(access, rules, request, reply);
	rules__unref(rules);
	return err;
}

static void check(void *ctx, const struct http_request *request)
{
	struct access *access = ctx;
	const struct rules_request about = describe(access, request);
	struct rules *rules = current(access);

	rules__check_password(rules, &about);
	rules__unref(rules);
}

/* The rules that are in force, by their material. */
static void *take_material(void *ctx, const struct tls_material **ret_material)
{
	struct rules *rules = current(ctx);

	*ret_material = rules->tls;
	return rules;
}

static void give_back(void *held)
{
	rules__unref(held);
}

int access__new(struct access **ret_access, const struct config *config, access_warn_fn warn,
		struct secret_error *error)
{
	struct access *access = calloc(1, sizeof(*access));
	int err;

	if (!access)
		return secret__fail(error, -ENOMEM, "out of memory");
	err = sodium_init() < 0 ? secret__fail(error, -EIO, "libsodium cannot be used")
				: rules__new(&access->rules, config, error);
	if (!err && access->rules->web.has_tls) {
		access->priorities = strdup(tls_material__priorities(access->rules->tls));
		if (!access->priorities)
			err = secret__fail(error, -ENOMEM, "out of memory");
	}
	if (!err && access->rules->file_count && secret__protect_process())
		err = secret__fail(error, -EPERM, "core dumps of this process cannot be forbidden");
	if (err) {
		rules__unref(access->rules);
		free(access->priorities);
		free(access);
		return err;
	}
	access->warn = warn;
	pthread_mutex_init(&access->lock, NULL);
	password_memory__init(&access->passwords);
	*ret_access = access;
	return 0;
}

void access__free(struct access *access)
{
	if (!access)
		return;
	if (access->tls.certificates)
		tls__set_source(NULL);
	rules__unref(access->rules);
	password_memory__destroy(&access->passwords);
	pthread_mutex_destroy(&access->lock);
	free(access->priorities);
	free(access);
}

static bool wants_credentials(void *ctx)
{
	struct access *access = ctx;
	struct rules *rules = current(access);
	bool are_wanted = !rules__are_open(rules) || rules__verify_clients(rules);

	rules__unref(rules);
	return are_wanted;
}

void access__attach(struct access *access, struct http_server_options *options)
{
	options->before = before;
	options->check = check;
	options->wants_credentials = wants_credentials;
	options->before_ctx = access;
	if (!access->priorities)
		return;
	access->tls = (struct http_tls){ access->priorities, tls__certificates() };
	options->tls = &access->tls;
	tls__set_source(&(struct tls_source){ take_material, give_back, access });
}

bool access__has_tls(const struct access *access)
{
	return access->priorities;
}

bool access__is_open(struct access *access)
{
	struct rules *rules = current(access);
	bool is_open = rules__are_open(rules);

	rules__unref(rules);
	return is_open;
}

int access__reload(struct access *access, const struct config *config, struct secret_error *error)
{
	struct rules *fresh;
	int err = rules__new(&fresh, config, error);

	if (err)
		return err;
	if (fresh->file_count)
		secret__protect_process();
	pthread_mutex_lock(&access->lock);
	err = replace(access, fresh, error);
	access->failed = access->failed && err;
	pthread_mutex_unlock(&access->lock);
	if (err)
		rules__unref(fresh);
	return err;
}
