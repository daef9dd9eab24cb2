// SPDX-License-Identifier: Apache-2.0
#include "config/conninfo.h"

#include <libpq-fe.h>
#include <string.h>

static const char *const allowed[] = { "host",	 "hostaddr", "port",	   "user",
				       "dbname", "sslmode",  "sslrootcert" };

#define ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

const char *conninfo__obstacle(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	const char *obstacle = NULL;

	if (!options)
		return "keywords and values as libpq has them";
	for (PQconninfoOption *option = options; option->keyword; option++) {
		bool is_allowed = !option->val;

		for (size_t i = 0; i < ALLOWED; i++)
			is_allowed |= strcmp(option->keyword, allowed[i]) == 0;
		if (!is_allowed)
			obstacle = strcmp(option->keyword, "password") == 0
					   ? "the password in a file of its own: password_file"
					   : "only host, hostaddr, port, user, dbname, sslmode, "
					     "sslrootcert";
	}
	PQconninfoFree(options);
	return obstacle;
}

/* The value of a keyword, or NULL. */
static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (options->val && strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

static bool has_keyword(const char *conninfo, const char *keyword)
{
	PQconninfoOption *options = conninfo ? PQconninfoParse(conninfo, NULL) : NULL;
	bool has = value_of(options, keyword) != NULL;

	PQconninfoFree(options);
	return has;
}

static bool is(const char *value, const char *wanted)
{
	return value && strcmp(value, wanted) == 0;
}

static bool is_verified(const PQconninfoOption *options)
{
	const char *mode = value_of(options, "sslmode");

	return is(mode, "verify-ca") || is(mode, "verify-full");
}

/* A socket's directory, or its name in no file system. */
static bool is_unix(const char *host)
{
	return host && (host[0] == '/' || host[0] == '@');
}

static const char *obstacle_of(const PQconninfoOption *options)
{
	static const char *const lists[] = { "host", "hostaddr", "port" };
	const char *host = value_of(options, "host"), *address = value_of(options, "hostaddr");

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (value_of(options, lists[i]) && strchr(value_of(options, lists[i]), ','))
			return "conninfo must name one host only";
	if ((!host && !address) || (!address && is_unix(host)) || is_verified(options) ||
	    is(value_of(options, "sslmode"), "disable"))
		return NULL;
	return "with a host, conninfo must have sslmode=verify-full or verify-ca, or disable where "
	       "the server asks for SCRAM; or cleartext: true gives it to whoever is there";
}

const char *conninfo__password_obstacle(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	const char *obstacle = obstacle_of(options);

	PQconninfoFree(options);
	return obstacle;
}

bool conninfo__has_host(const char *conninfo)
{
	return has_keyword(conninfo, "host") || has_keyword(conninfo, "hostaddr");
}

bool conninfo__has_user(const char *conninfo)
{
	return has_keyword(conninfo, "user");
}

bool conninfo__is_verified(const char *conninfo)
{
	PQconninfoOption *options = conninfo ? PQconninfoParse(conninfo, NULL) : NULL;
	bool verified = is_verified(options);

	PQconninfoFree(options);
	return verified;
}
