/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that decides about a request, read from the configuration and the files
 * that it names. Once they are made only the stamps of files change: a changed
 * file makes other rules.
 */
#ifndef EDGETAP_ACCESS_RULES_H
#define EDGETAP_ACCESS_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "access/password.h"
#include "access/secret.h"
#include "access/tls.h"
#include "access/web_config.h"
#include "base/scope.h"
#include "config/config.h"

struct rules_token {
	char *name; /* in messages */
	char *path; /* of its file; NULL: the configuration has the digest */
	unsigned char digest[SECRET_DIGEST_BYTES];
	struct scope *scope;
};

/* A file that was read, and as what. */
struct rules_file {
	char *path;
	struct secret_stamp stamp;
};

struct rules {
	_Atomic unsigned int references;
	struct rules_token *tokens;
	size_t token_count;
	char *key_path;		  /* NULL: none */
	struct secret_keys *keys; /* NULL: none */
	char *web_path;		  /* NULL: none */
	struct web_config web;
	struct tls_material *tls; /* if web.has_tls */

	struct rules_file *files;
	size_t file_count;
};

/*
 * Makes rules, with one reference, and reads every file. Returns 0, or a
 * negative errno with the sentence in error.
 */
int rules__new(struct rules **ret_rules, const struct config *config, struct secret_error *error);

/* The same again, with the files as they are now. */
int rules__again(struct rules **ret_rules, const struct rules *rules, struct secret_error *error);

/* Another reference. Any thread. */
struct rules *rules__ref(struct rules *rules);

/* Frees them with the last reference. NULL is fine. */
void rules__unref(struct rules *rules);

/* Whether a file has changed since it was read. */
bool rules__have_changed(const struct rules *rules);

/* Takes the files as they are now for what was read. The caller keeps others off meanwhile. */
void rules__note_files(struct rules *rules);

/* Whether nothing restricts access by what a request carries. */
bool rules__are_open(const struct rules *rules);

/* Whether a client's certificate is verified before its first request. */
bool rules__verify_clients(const struct rules *rules);

/* What a request tells about itself. */
struct rules_request {
	const char *method, *path;
	const char *authorization;  /* NULL: no such field */
	size_t authorization_count; /* how many such fields */
	int64_t now;		    /* seconds since 1970 */
	struct password_memory *passwords;
};

enum verdict {
	VERDICT_ALLOW,	/* scope */
	VERDICT_DENY,	/* status, error, why */
	VERDICT_UNSURE, /* rules__check_password, then ask again; if it is so again, deny */
};

struct decision {
	enum verdict verdict;
	struct scope *scope; /* from malloc */
	uint64_t holder;     /* whose the credentials are, by their hash; 0: there are none */
	unsigned int status;
	const char *error; /* of RFC 6750 (3.1), or NULL */
	const char *why;   /* static, for the client: no secret */
};

/* Decides about a request. Quick. Returns 0 or -ENOMEM. */
int rules__decide(const struct rules *rules, const struct rules_request *request,
		  struct decision *ret_decision);

/* For the decision that a password is wrong. */
void rules__deny_password(struct decision *ret_decision);

/* Looks at the request's password, which takes tens of milliseconds; memory keeps a right one. */
void rules__check_password(const struct rules *rules, const struct rules_request *request);

#endif
