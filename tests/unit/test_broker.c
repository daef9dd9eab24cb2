// SPDX-License-Identifier: Apache-2.0
/* The broker's process for real, as root; namespaces are the tests' own. */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/capability.h"
#include "broker/process.h"
#include "broker/wire.h"

Suite *broker_suite(void);

#define PORT 7001

static int warnings;

__attribute__((format(printf, 1, 2))) static void warn(const char *format, ...)
{
	(void)format;
	warnings++;
}

static const struct broker_options options = { .uses = USE(ENTERING) | USE(POSTGRES),
					       .warn = warn };

static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	fprintf(stderr, "SKIP broker: not root\n");
	return false;
}

static struct broker *start(void)
{
	struct broker *broker;

	ck_assert_int_eq(broker__start(&broker, &options), 0);
	return broker;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void field(pid_t pid, const char *name, char ret_text[64])
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ret_text[0] = '\0';
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			sscanf(line + strlen(name) + 1, " %63s", ret_text);
	fclose(file);
}

/* Until a condition on its state holds, or five seconds have passed. */
static bool becomes(pid_t pid, const char *name, const char *wanted)
{
	char text[64];

	for (uint64_t until = now_ms() + 5000; now_ms() < until; usleep(2000)) {
		field(pid, name, text);
		if (strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

static void bring_lo_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCSIFFLAGS, &request))
		_exit(2);
	close(fd);
}

/* A process in a network namespace of its own that listens on its loopback. */
static pid_t start_hidden_server(void)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(PORT),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET))
			_exit(1);
		bring_lo_up();
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
			_exit(3);
		if (write(ready[1], "", 1) != 1)
			_exit(4);
		for (;;) {
			int client = accept(fd, NULL, NULL);

			if (write(client, "inside", 6) != 6)
				_exit(5);
			close(client);
		}
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static bool reaches(int fd)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(PORT),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char text[8] = "";

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) && errno != EINPROGRESS)
		return false;
	if (poll(&ready, 1, 3000) != 1)
		return false;
	return read(fd, text, 6) == 6 && strcmp(text, "inside") == 0;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

START_TEST(test_socket_is_inside)
{
	struct broker *broker;
	pid_t server;
	int plain, fd, type;
	socklen_t size = sizeof(type);

	if (!is_root())
		return;
	broker = start();
	server = start_hidden_server();
	plain = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert(!reaches(plain));
	fd = broker__socket(broker, server, AF_INET);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
	ck_assert_int_eq(type, SOCK_STREAM);
	ck_assert(reaches(fd));
	close(fd);
	/* this process's own namespace is as good as any */
	fd = broker__socket(broker, getpid(), AF_INET6);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(plain);
	end_process(server);
	ck_assert_int_eq(broker__socket(broker, server, AF_INET), -ESRCH);
	ck_assert_int_eq(broker__socket(broker, getpid(), AF_UNIX), -EINVAL);
	ck_assert_int_eq(broker__socket(broker, 0, AF_INET), -EINVAL);
	ck_assert_int_eq(broker__socket(NULL, getpid(), AF_INET), -EPIPE);
	broker__free(broker);
	ck_assert_int_eq(warnings, 0);
}
END_TEST

static void *ask_often(void *ctx)
{
	for (int i = 0; i < 25; i++) {
		int fd = broker__socket(ctx, getpid(), AF_INET);

		if (fd < 0)
			return (void *)(intptr_t)fd;
		close(fd);
	}
	return NULL;
}

START_TEST(test_threads_at_once)
{
	struct broker *broker;
	pthread_t thread[6];

	if (!is_root())
		return;
	broker = start();
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, ask_often, broker), 0);
	for (int i = 0; i < 6; i++) {
		void *result;

		ck_assert_int_eq(pthread_join(thread[i], &result), 0);
		ck_assert_msg(!result, "%s", strerror(-(int)(intptr_t)result));
	}
	broker__free(broker);
}
END_TEST

static int count_descriptors(pid_t pid)
{
	struct dirent *entry;
	char path[64];
	DIR *directory;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/* It closes a request's socket when it has forked, which may be behind the answer. */
static bool has_descriptors(pid_t pid, int count)
{
	for (uint64_t until = now_ms() + 5000; now_ms() < until; usleep(2000))
		if (count_descriptors(pid) == count)
			return true;
	return false;
}

START_TEST(test_has_little)
{
	const unsigned long long allowed = 1ULL << 2 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 |
					   1ULL << 18 | 1ULL << 19 | 1ULL << 21;
	struct broker *broker;
	char text[64];
	int secret, fd;

	if (!is_root())
		return;
	secret = open("/proc/self/status", O_RDONLY);
	ck_assert_int_ge(secret, 0);
	broker = start();
	/* an answer says that it has got that far */
	fd = broker__socket(broker, getpid(), AF_INET);
	ck_assert_int_ge(fd, 0);
	field(broker__pid(broker), "Name", text);
	ck_assert_str_eq(text, "edgetap-broker");
	field(broker__pid(broker), "Threads", text);
	ck_assert_str_eq(text, "1");
	field(broker__pid(broker), "NoNewPrivs", text);
	ck_assert_str_eq(text, "1");
	field(broker__pid(broker), "CapPrm", text);
	ck_assert_uint_eq(strtoull(text, NULL, 16) & ~allowed, 0);
	field(broker__pid(broker), "CapInh", text);
	ck_assert_uint_eq(strtoull(text, NULL, 16), 0);
	field(broker__pid(broker), "CapBnd", text);
	ck_assert_uint_eq(strtoull(text, NULL, 16) & ~allowed, 0);
	ck_assert(has_descriptors(broker__pid(broker), 4));
	close(fd);
	close(secret);
	broker__free(broker);
}
END_TEST

START_TEST(test_death_is_said_once)
{
	struct broker *broker;
	uint64_t begin;

	if (!is_root())
		return;
	broker = start();
	kill(broker__pid(broker), SIGKILL);
	begin = now_ms();
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(broker__socket(broker, getpid(), AF_INET), -EPIPE);
	ck_assert_uint_lt(now_ms() - begin, 1000);
	ck_assert_int_eq(warnings, 1);
	broker__free(broker);
}
END_TEST

START_TEST(test_hang_has_a_deadline)
{
	struct broker *broker;
	uint64_t begin;

	if (!is_root())
		return;
	broker = start();
	kill(broker__pid(broker), SIGSTOP);
	begin = now_ms();
	ck_assert_int_eq(broker__socket(broker, getpid(), AF_INET), -ETIMEDOUT);
	ck_assert_uint_ge(now_ms() - begin, BROKER_DEADLINE_MS);
	/* and does not hold up the next */
	begin = now_ms();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(broker__socket(broker, getpid(), AF_INET), -ETIMEDOUT);
	ck_assert_uint_lt(now_ms() - begin, 1000);
	begin = now_ms();
	broker__free(broker);
	ck_assert_uint_lt(now_ms() - begin, 2000);
}
END_TEST

/* A server that gives no answer before the broker ends its child. */
static void hang(const struct broker_server *server, int socket)
{
	(void)server;
	(void)socket;
	for (;;)
		pause();
}

/* A process of a user, until the test ends. */
static pid_t process_of(uid_t uid)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setuid(uid))
		_exit(1);
	for (;;)
		pause();
}

/* True if the child that asks has ended within a moment, or never was. */
static bool is_over(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLIN };

	return poll(&end, 1, 200) == 1;
}

#define OWNERS_PLACES 8

START_TEST(test_one_owner_leaves_places)
{
	static const struct broker_options options_hang = { .uses = USE(ENTERING) | USE(POSTGRES),
							    .postgres = hang,
							    .warn = warn };
	struct broker_server server = { .rule = -1 };
	pid_t hostile[OWNERS_PLACES + 2], other;
	int fd[OWNERS_PLACES + 2], of_other;
	struct broker *broker;

	if (!is_root())
		return;
	ck_assert_int_eq(broker__start(&broker, &options_hang), 0);
	for (int i = 0; i < OWNERS_PLACES + 2; i++) {
		hostile[i] = process_of(4242);
		ck_assert(becomes(hostile[i], "Uid", "4242"));
		server.pid = hostile[i];
		fd[i] = broker__postgres(broker, &server);
		ck_assert_int_ge(fd[i], 0);
	}
	ck_assert(is_over(fd[OWNERS_PLACES]));
	ck_assert(is_over(fd[OWNERS_PLACES + 1]));
	server.pid = other = process_of(4243);
	ck_assert(becomes(other, "Uid", "4243"));
	of_other = broker__postgres(broker, &server);
	ck_assert(!is_over(of_other));
	for (int i = 0; i < OWNERS_PLACES; i++)
		ck_assert(!is_over(fd[i]));
	for (int i = 0; i < OWNERS_PLACES + 2; i++) {
		close(fd[i]);
		kill(hostile[i], SIGKILL);
		waitpid(hostile[i], NULL, 0);
	}
	close(of_other);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	broker__free(broker);
}
END_TEST

START_TEST(test_ends_with_the_agent)
{
	pid_t agent, broker_pid;
	int told[2];

	if (!is_root())
		return;
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe(told), 0);
	agent = fork();
	if (agent == 0) {
		struct broker *broker;

		if (broker__start(&broker, &options))
			_exit(1);
		broker_pid = broker__pid(broker);
		if (write(told[1], &broker_pid, sizeof(broker_pid)) != sizeof(broker_pid))
			_exit(2);
		pause();
	}
	ck_assert_int_eq(read(told[0], &broker_pid, sizeof(broker_pid)), sizeof(broker_pid));
	ck_assert(becomes(broker_pid, "Name", "edgetap-broker"));
	/* signals of the group's end do not end it, its agent's death does */
	kill(broker_pid, SIGTERM);
	kill(broker_pid, SIGINT);
	usleep(20000);
	ck_assert_int_eq(waitpid(broker_pid, NULL, WNOHANG), -1);
	end_process(agent);
	ck_assert_int_eq(waitpid(broker_pid, NULL, 0), broker_pid);
}
END_TEST

static int answer_to(int channel, const void *bytes, size_t size)
{
	struct broker_reply reply = {};
	int pair[2], fd = -1, err;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(wire__send(channel, bytes, size, pair[1], 0), 0);
	close(pair[1]);
	err = wire__receive(pair[0], &reply, sizeof(reply), &fd);
	close(pair[0]);
	if (fd >= 0)
		close(fd);
	return err ? err : reply.err;
}

START_TEST(test_requests_are_checked)
{
	struct broker_request good = { .kind = BROKER_SOCKET,
				       .server.pid = getpid(),
				       .family = AF_INET };
	struct broker_request bad = good;
	char bytes[2 * sizeof(good)] = "";
	pid_t agent = getpid(), pid;
	int pair[2];

	if (!is_root())
		return;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0)
		broker_process__run(pair[1], agent, &options);
	close(pair[1]);
	ck_assert_int_eq(answer_to(pair[0], &good, sizeof(good)), 0);
	bad.kind = BROKER_THIN + 1;
	ck_assert_int_eq(answer_to(pair[0], &bad, sizeof(bad)), -EINVAL);
	bad = good;
	bad.family = AF_PACKET;
	ck_assert_int_eq(answer_to(pair[0], &bad, sizeof(bad)), -EINVAL);
	bad = good;
	bad.server.pid = -1;
	ck_assert_int_eq(answer_to(pair[0], &bad, sizeof(bad)), -EINVAL);
	/* of another size: nobody answers, and the socket does not stay open */
	ck_assert_int_eq(answer_to(pair[0], bytes, sizeof(bytes)), -EPIPE);
	ck_assert_int_eq(answer_to(pair[0], &good, 3), -EPIPE);
	/* without a socket for the answer */
	ck_assert_int_eq(wire__send(pair[0], &good, sizeof(good), -1, 0), 0);
	ck_assert_int_eq(answer_to(pair[0], &good, sizeof(good)), 0);
	ck_assert(has_descriptors(pid, 4));
	close(pair[0]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

Suite *broker_suite(void)
{
	Suite *suite = suite_create("broker");
	TCase *tests = tcase_create("process");

	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, test_socket_is_inside);
	tcase_add_test(tests, test_threads_at_once);
	tcase_add_test(tests, test_has_little);
	tcase_add_test(tests, test_death_is_said_once);
	tcase_add_test(tests, test_hang_has_a_deadline);
	tcase_add_test(tests, test_one_owner_leaves_places);
	tcase_add_test(tests, test_ends_with_the_agent);
	tcase_add_test(tests, test_requests_are_checked);
	suite_add_tcase(suite, tests);
	return suite;
}
