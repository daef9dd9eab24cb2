// SPDX-License-Identifier: Apache-2.0
#include "access/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/read_all.h"

#define TOKEN_MIN_BYTES 16
#define TOKEN_MAX_BYTES 4096
#define KEY_FILE_MAX_BYTES 4096

_Static_assert(SECRET_DIGEST_BYTES == crypto_hash_sha256_BYTES, "a digest is a SHA-256");

int secret__fail(struct secret_error *error, int err, const char *format, ...)
{
	char text[SECRET_ERROR_BYTES + 8];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printable__copy(error->text, sizeof(error->text), text);
	return err;
}

void secret_stamp__take(struct secret_stamp *ret_stamp, const char *path)
{
	struct stat stat_now;

	memset(ret_stamp, 0, sizeof(*ret_stamp));
	if (stat(path, &stat_now)) {
		ret_stamp->err = errno;
		return;
	}
	ret_stamp->dev = stat_now.st_dev;
	ret_stamp->ino = stat_now.st_ino;
	ret_stamp->size = stat_now.st_size;
	ret_stamp->modified = stat_now.st_mtim;
	ret_stamp->changed = stat_now.st_ctim;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool secret_stamp__equal(const struct secret_stamp *a, const struct secret_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->err == b->err &&
	       same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static int check_file(const char *path, const struct stat *file, size_t max, bool is_private,
		      struct secret_error *error)
{
	if (!S_ISREG(file->st_mode))
		return secret__fail(error, -EINVAL, "%.200s: expected a regular file", path);
	if (file->st_size > (off_t)max)
		return secret__fail(error, -EFBIG, "%.200s: expected at most %zu bytes", path, max);
	if (file->st_uid != 0 && file->st_uid != geteuid())
		return secret__fail(error, -EPERM,
				    "%.200s: expected a file of root's or of this user's", path);
	if (file->st_mode & (S_IWGRP | S_IWOTH))
		return secret__fail(error, -EPERM, "%.200s: others may write to it; chmod go-w it",
				    path);
	if (is_private && (file->st_mode & S_IROTH))
		return secret__fail(error, -EPERM, "%.200s: everybody may read it; chmod 0600 it",
				    path);
	return 0;
}

static int read_open(int fd, const char *path, size_t max, bool is_private, char **ret_text,
		     size_t *ret_length, struct secret_error *error)
{
	struct stat file;
	size_t length = 0;
	char *text;
	int err;

	if (fstat(fd, &file))
		return secret__fail(error, -errno, "%.200s: %s", path, strerror(errno));
	err = check_file(path, &file, max, is_private, error);
	if (err)
		return err;
	text = sodium_malloc(max + 2);
	if (!text)
		return secret__fail(error, -ENOMEM, "%.200s: out of memory", path);
	err = read_all(fd, text, max + 1, &length);
	if (!err && length > max)
		err = -EFBIG;
	if (err) {
		sodium_free(text);
		return secret__fail(error, err, "%.200s: cannot read it: %s", path, strerror(-err));
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int secret__read(const char *path, size_t max, bool is_private, char **ret_text, size_t *ret_length,
		 struct secret_error *error)
{
	/* O_NONBLOCK: a FIFO in its place must not stop us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (sodium_init() < 0)
		err = secret__fail(error, -EIO, "libsodium cannot be used");
	else if (fd < 0)
		err = secret__fail(error, -errno, "%.200s: %s", path, strerror(errno));
	else
		err = read_open(fd, path, max, is_private, ret_text, ret_length, error);
	if (fd >= 0)
		close(fd);
	return err;
}

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~+/", c));
}

bool secret__is_token(const char *text, size_t length)
{
	size_t i = 0;

	while (i < length && is_token_char(text[i]))
		i++;
	if (i == 0)
		return false;
	while (i < length && text[i] == '=')
		i++;
	return i == length;
}

bool secret__is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

/* Length without the white space that editors and `echo` leave at the end. */
static size_t trimmed(const char *text, size_t length)
{
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	return length;
}

int secret__read_token(const char *path, unsigned char ret_digest[SECRET_DIGEST_BYTES],
		       struct secret_error *error)
{
	size_t length;
	char *text;
	int err = secret__read(path, TOKEN_MAX_BYTES, true, &text, &length, error);

	if (err)
		return err;
	length = trimmed(text, length);
	if (length < TOKEN_MIN_BYTES || !secret__is_token(text, length))
		err = secret__fail(error, -EINVAL,
				   "%.200s: expected one token of at least %d characters out of "
				   "A-Z a-z 0-9 - . _ ~ + / and = at its end",
				   path, TOKEN_MIN_BYTES);
	else
		crypto_hash_sha256(ret_digest, (const unsigned char *)text, length);
	sodium_free(text);
	return err;
}

static int add_key(struct secret_keys *keys, const char *line, size_t length)
{
	struct secret_key *key = &keys->key[keys->count];
	const char *end;

	if (keys->count == SECRET_KEYS_MAX)
		return -E2BIG;
	if (length % 2 ||
	    sodium_hex2bin(key->bytes, sizeof(key->bytes), line, length, NULL, &key->size, &end))
		return -EINVAL;
	if (end != line + length || key->size < SECRET_KEY_MIN_BYTES)
		return -EINVAL;
	keys->count++;
	return 0;
}

static int parse_keys(struct secret_keys *keys, const char *text, const char *path,
		      struct secret_error *error)
{
	for (size_t number = 1; *text; number++) {
		size_t whole = strcspn(text, "\n"), length = trimmed(text, whole);

		if (length > 0 && text[0] != '#') {
			int err = add_key(keys, text, length);

			if (err == -E2BIG)
				return secret__fail(error, err,
						    "%.200s:%zu: expected at most %d keys", path,
						    number, SECRET_KEYS_MAX);
			if (err)
				return secret__fail(error, err,
						    "%.200s:%zu: expected a key of 64 to 128 "
						    "hexadecimal digits",
						    path, number);
		}
		text += whole + (text[whole] == '\n');
	}
	if (keys->count == 0)
		return secret__fail(error, -EINVAL, "%.200s: expected at least one key", path);
	return 0;
}

int secret__read_keys(const char *path, struct secret_keys **ret_keys, struct secret_error *error)
{
	struct secret_keys *keys;
	size_t length;
	char *text;
	int err = secret__read(path, KEY_FILE_MAX_BYTES, true, &text, &length, error);

	if (err)
		return err;
	keys = sodium_malloc(sizeof(*keys));
	if (!keys) {
		err = secret__fail(error, -ENOMEM, "%.200s: out of memory", path);
	} else {
		keys->count = 0;
		err = strlen(text) != length
			      ? secret__fail(error, -EINVAL, "%.200s: expected a text", path)
			      : parse_keys(keys, text, path, error);
	}
	sodium_free(text);
	if (err) {
		sodium_free(keys);
		return err;
	}
	*ret_keys = keys;
	return 0;
}

int secret__protect_process(void)
{
	const struct rlimit none = { 0, 0 };

	if (sodium_init() < 0)
		return -EIO;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
		return -errno;
	return 0;
}
