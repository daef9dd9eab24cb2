/* SPDX-License-Identifier: Apache-2.0 */
/* Files with secrets: read with care, kept out of swap and core dumps, told apart when changed. */
#ifndef EDGETAP_ACCESS_SECRET_H
#define EDGETAP_ACCESS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SECRET_ERROR_BYTES 320
#define SECRET_DIGEST_BYTES 32

/* Sentences for the user, in which no secret ever stands. */
struct secret_error {
	char text[SECRET_ERROR_BYTES];
};

/* Writes the sentence; returns err. */
__attribute__((format(printf, 3, 4))) int secret__fail(struct secret_error *error, int err,
						       const char *format, ...);

/* What a file was when it was read. Another inode, size or time is another file. */
struct secret_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
	int err; /* it could not be looked at */
};

/* As the file is now; it may be missing. */
void secret_stamp__take(struct secret_stamp *ret_stamp, const char *path);
bool secret_stamp__equal(const struct secret_stamp *a, const struct secret_stamp *b);

/*
 * Reads a regular file of at most max bytes into memory of libsodium's (guarded,
 * locked if the limits allow), NUL-terminated, to be freed by sodium_free.
 * A file that another user than root or ours owns or may write to is refused;
 * is_private: one that everybody may read, too. Returns 0 or a negative errno.
 */
int secret__read(const char *path, size_t max, bool is_private, char **ret_text, size_t *ret_length,
		 struct secret_error *error);

/*
 * A token of a file of one line, as its SHA-256. It must be 16 to 4096
 * characters that RFC 6750 (2.1) allows in a token. Errors as above.
 */
int secret__read_token(const char *path, unsigned char ret_digest[SECRET_DIGEST_BYTES],
		       struct secret_error *error);

#define SECRET_KEY_MIN_BYTES 32
#define SECRET_KEY_MAX_BYTES 64
#define SECRET_KEYS_MAX 8

struct secret_key {
	unsigned char bytes[SECRET_KEY_MAX_BYTES];
	size_t size;
};

/* In memory of libsodium's, to be freed by sodium_free. */
struct secret_keys {
	size_t count;
	struct secret_key key[SECRET_KEYS_MAX];
};

/*
 * Keys of a file: a line of 64 to 128 hexadecimal digits each; empty lines and
 * those that begin with # do not count. The first is the one to sign with.
 * Errors as above.
 */
int secret__read_keys(const char *path, struct secret_keys **ret_keys, struct secret_error *error);

/* Whether text, of length bytes, is a token as RFC 6750 (2.1) writes it: b64token. */
bool secret__is_token(const char *text, size_t length);

/* Whether a text is ASCII. libsodium's decoder of base64 takes 0xdf for an underscore. */
bool secret__is_ascii(const char *text, size_t length);

/*
 * Prepares libsodium; from now on no core is dumped of this process and no
 * other user's process may look into it. Returns 0 or a negative errno.
 */
int secret__protect_process(void);

#endif
