/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second process that keeps the privileges which the agent gives up after
 * attaching, for the few things that need them: entering a container's
 * namespaces, becoming the user of a server there, asking the device mapper.
 *
 * It is forked before the agent has loaded anything or has a thread, holds no
 * map and no program, and serves fixed requests only. Each is done by a child
 * of its own with limits and a deadline, so that a container that hangs holds
 * up nobody. It ends when the agent does. It cannot be started again once the
 * agent has dropped its privileges: when it is lost, that is said once, and
 * every request fails.
 */
#ifndef EDGETAP_BROKER_H
#define EDGETAP_BROKER_H

#include <stdint.h>
#include <sys/types.h>

struct broker;

#define BROKER_ROLE_BYTES 64
#define BROKER_DEVICE_BYTES 256

/* A database server to ask. */
struct broker_server {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of its /proc/PID/stat */
	int rule;	      /* of the configuration that the broker started with; -1: none */
	char role[BROKER_ROLE_BYTES]; /* to be tried first; "": none */
};

struct broker_options {
	unsigned int uses; /* what it is to be able to do: bits of enum capability_use */

	/*
	 * Asks a server, and writes to socket; in a process of its own, with the broker's
	 * privileges, that ends afterwards or when its time is over.
	 */
	void (*postgres)(const struct broker_server *server, int socket);
	/* As broker__thin, in such a process. */
	int (*thin)(const char *device, uint64_t *ret_size_bytes, uint64_t *ret_used_bytes);

	/* Says once that the broker is lost. */
	__attribute__((format(printf, 1, 2))) void (*warn)(const char *format, ...);
};

/*
 * Forks it. To be called with all privileges, before there is any other thread. options must
 * stay. Returns 0 or a negative errno.
 */
int broker__start(struct broker **ret_broker, const struct broker_options *options);

/* Ends it and what it does. NULL is allowed. */
void broker__free(struct broker *broker);

/* Its process, for tests. */
pid_t broker__pid(const struct broker *broker);

/*
 * The requests. Any thread, any number at once. A NULL broker is a lost one. Each returns a
 * negative errno when it fails:
 *
 * -EPIPE      the broker is lost
 * -ETIMEDOUT  no answer in time
 * -EBUSY      too much is under way
 * -ESRCH      the process has ended
 * -EPERM      edgetap was started without the capability, or the kernel forbids it
 */

/*
 * A new TCP socket (stream, close-on-exec, non-blocking) of family AF_INET or AF_INET6 that
 * belongs to the network namespace of a process. Within two seconds. Returns the descriptor,
 * the caller's.
 */
int broker__socket(struct broker *broker, pid_t pid, int family);

/*
 * How large a thin volume of the device mapper is, and how much of it is used. device is a path
 * below /dev. Within two seconds. Returns 0 or a negative errno.
 */
int broker__thin(struct broker *broker, const char *device, uint64_t *ret_size_bytes,
		 uint64_t *ret_used_bytes);

/*
 * Has a server asked. Returns a non-blocking socket, the caller's, that what is written comes
 * from: no more than the caller reads, not later than BROKER_SERVER_DEADLINE_MS. It is at its end
 * when, and only when, the process that asks has ended.
 */
#define BROKER_SERVER_DEADLINE_MS 10000
int broker__postgres(struct broker *broker, const struct broker_server *server);

#endif
