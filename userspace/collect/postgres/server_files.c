// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/server_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Line number of text, from 1, without its newline; NULL if there is none. */
static const char *line_of(const char *text, int number, size_t *ret_length)
{
	*ret_length = 0;
	for (int i = 1; i < number; i++) {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	*ret_length = strcspn(text, "\n");
	return text;
}

int server_files__postmaster(const char *text, struct postmaster *ret_postmaster)
{
	struct postmaster postmaster = {};
	size_t data_length, port_length, socket_length, state_length;
	const char *data = line_of(text, 2, &data_length);
	const char *port = line_of(text, 4, &port_length);
	const char *socket = line_of(text, 5, &socket_length);
	const char *state = line_of(text, 8, &state_length);
	char *end;
	unsigned long number;

	if (!data || !port || !socket || !port_length || port_length > 5 ||
	    strspn(port, "0123456789") != port_length)
		return -EBADMSG;
	number = strtoul(port, &end, 10);
	if (number < 1 || number > 65535)
		return -EBADMSG;
	postmaster.port = (unsigned int)number;
	/* the last line; it writes them one by one as it starts */
	postmaster.is_ready =
		state && (strncmp(state, "ready", 5) == 0 || strncmp(state, "standby", 7) == 0);
	/* a relative one is below the data directory, in which the server runs */
	if (socket_length && socket[0] != '/') {
		if (data[0] != '/' ||
		    data_length + 1 + socket_length >= sizeof(postmaster.socket_directory))
			return -EBADMSG;
		snprintf(postmaster.socket_directory, sizeof(postmaster.socket_directory),
			 "%.*s/%.*s", (int)data_length, data, (int)socket_length, socket);
	} else {
		if (socket_length >= sizeof(postmaster.socket_directory))
			return -EBADMSG;
		memcpy(postmaster.socket_directory, socket, socket_length);
	}
	*ret_postmaster = postmaster;
	return 0;
}

/* Copies a name that a role may have and that stays on its line. */
static int copy_name(const char *start, size_t length, char ret_name[POSTGRES_ROLE_BYTES])
{
	if (!length || length >= POSTGRES_ROLE_BYTES)
		return -ENOENT;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)start[i] < ' ' || start[i] == 0x7f)
			return -ENOENT;
	memcpy(ret_name, start, length);
	ret_name[length] = '\0';
	return 0;
}

int server_files__user(const char *passwd, uid_t uid, char ret_name[POSTGRES_ROLE_BYTES])
{
	for (const char *line = passwd; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t length = strcspn(line, "\n"), name = strcspn(line, ":\n");
		const char *secret = line + name + 1, *number;
		char *end;

		if (name + 1 >= length)
			continue;
		number = secret + strcspn(secret, ":\n");
		if (*number != ':' || number[1] < '0' || number[1] > '9')
			continue;
		if (strtoul(number + 1, &end, 10) == uid && *end == ':')
			return copy_name(line, name, ret_name);
	}
	return -ENOENT;
}

int server_files__inside(const char *uid_map, uid_t uid, uid_t *ret_inside)
{
	unsigned int inside, outside, count;
	int used;

	while (sscanf(uid_map, "%10u %10u %10u%n", &inside, &outside, &count, &used) == 3) {
		uid_map += used;
		if (uid < outside || uid - outside >= count)
			continue;
		*ret_inside = inside + (uid - outside);
		return 0;
	}
	return -ENOENT;
}

int server_files__variable(const char *environment, size_t length, const char *name,
			   char ret_value[POSTGRES_ROLE_BYTES])
{
	const char *at = environment, *end = environment + length;
	size_t name_length = strlen(name);

	while (at < end) {
		size_t left = (size_t)(end - at), size = strnlen(at, left);

		if (size > name_length && at[name_length] == '=' &&
		    memcmp(at, name, name_length) == 0)
			return copy_name(at + name_length + 1, size - name_length - 1, ret_value);
		at += size < left ? size + 1 : left;
	}
	return -ENOENT;
}

static int status_id(const char *status, const char *name, unsigned int *ret_id)
{
	const char *at = strstr(status, name);
	unsigned int real;

	return at && sscanf(at + strlen(name), "%10u %10u", &real, ret_id) == 2 ? 0 : -EBADMSG;
}

int server_files__ids(const char *status, uid_t *ret_uid, gid_t *ret_gid)
{
	unsigned int uid, gid;

	/* the name above has its newlines escaped */
	if (status_id(status, "\nUid:", &uid) || status_id(status, "\nGid:", &gid))
		return -EBADMSG;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}
