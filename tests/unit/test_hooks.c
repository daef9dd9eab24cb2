// SPDX-License-Identifier: Apache-2.0
/* Which hooks are chosen, of kernels that are made of nothing but BTF. */
#include <bpf/btf.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "loader/hooks.h"

static const struct hook_set none;

static struct btf *btf;
static struct loader_hook lines[HOOK_N];
static int number;

static void set_up(void)
{
	btf = btf__new_empty();
	ck_assert_ptr_nonnull(btf);
	number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	ck_assert_int_gt(number, 0);
}

static void tear_down(void)
{
	btf__free(btf);
}

static void has_tracepoint(const char *name)
{
	char typedef_name[96];

	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	ck_assert_int_gt(btf__add_typedef(btf, typedef_name, number), 0);
}

static void has_function(const char *name, int arguments)
{
	int prototype = btf__add_func_proto(btf, number);

	for (int i = 0; i < arguments; i++)
		ck_assert_int_eq(btf__add_func_param(btf, "argument", number), 0);
	ck_assert_int_gt(btf__add_func(btf, name, BTF_FUNC_GLOBAL, prototype), 0);
}

static void has_connections(void)
{
	has_tracepoint("inet_sock_set_state");
	has_tracepoint("tcp_destroy_sock");
}

static void choose(const struct hook_set *refused, bool probes)
{
	struct hook_conditions conditions = { .refused = *refused, .probes = probes };
	const char *missing = NULL;

	ck_assert_int_eq(hooks__choose(lines, btf, &conditions, &missing), 0);
	ck_assert_ptr_null(missing);
}

START_TEST(test_rows)
{
	/* of one fact, they stand together, and no fact is without */
	for (int i = 0; i < HOOK_N; i++)
		ck_assert(i == 0 ? hooks[i].fact == 0 : hooks[i].fact - hooks[i - 1].fact <= 1);
	ck_assert_int_eq(hooks[HOOK_N - 1].fact, HOOK_FACT_N - 1);
}
END_TEST

START_TEST(test_better_first)
{
	has_connections();
	has_tracepoint("sock_recv_length");
	has_tracepoint("sock_send_length");
	has_function("tcp_recvmsg", 5);
	has_function("tcp_sendmsg", 3);
	choose(&none, true);
	ck_assert(lines[HOOK_sock_recv_length].chosen);
	ck_assert(lines[HOOK_frames_read].chosen);
	ck_assert(lines[HOOK_tcp_recvmsg].available && !lines[HOOK_tcp_recvmsg].chosen);
	ck_assert_str_eq(lines[HOOK_tcp_recvmsg].reason, "a better hook gives the same fact");
	ck_assert(!lines[HOOK_frames_tcp_recvmsg].chosen);
	ck_assert_str_eq(lines[HOOK_tcp_recvmsg].hook, "fexit/tcp_recvmsg of 5");
	ck_assert_str_eq(lines[HOOK_sk_data_ready].reason,
			 "this kernel does not have it in this form");
	ck_assert_str_eq(lines[HOOK_tcp_probe].reason,
			 "no queue time, and the edge clock starts when a request is read");
	ck_assert(lines[HOOK_plain_text_read].chosen && lines[HOOK_plain_frames_read].chosen);
}
END_TEST

START_TEST(test_older_kernel)
{
	has_connections();
	has_function("tcp_recvmsg", 6);
	has_function("tcp_sendmsg", 3);
	has_function("tcp_sendpage", 5);
	choose(&none, false);
	ck_assert(lines[HOOK_tcp_recvmsg_nonblock].chosen && !lines[HOOK_tcp_recvmsg].chosen);
	ck_assert(lines[HOOK_frames_tcp_recvmsg_nonblock].chosen);
	ck_assert(lines[HOOK_tcp_sendpage].chosen);
	ck_assert(!lines[HOOK_plain_text_read].chosen && !lines[HOOK_plain_frames_read].chosen);
	ck_assert_str_eq(lines[HOOK_plain_text_read].reason, "tls_uprobes is false");
}
END_TEST

/* Also the last row of the table, whatever its number is. */
START_TEST(test_refused)
{
	struct hook_conditions conditions = { .refused.has[HOOK_sock_recv_length] = true,
					      .probes = true };
	const char *missing;

	has_connections();
	has_tracepoint("sock_recv_length");
	has_tracepoint("sock_send_length");
	has_function("tcp_recvmsg", 5);
	conditions.refused.has[HOOK_N - 1] = true;
	choose(&conditions.refused, true);
	ck_assert(!lines[HOOK_sock_recv_length].available && lines[HOOK_tcp_recvmsg].chosen);
	ck_assert_str_eq(lines[HOOK_sock_recv_length].reason,
			 "the kernel has it but refuses the program");
	ck_assert(!lines[HOOK_N - 1].chosen);

	conditions.refused.has[HOOK_tcp_recvmsg] = true;
	ck_assert_int_eq(hooks__choose(lines, btf, &conditions, &missing), -EOPNOTSUPP);
	ck_assert_str_eq(missing, "reads");
}
END_TEST

Suite *hooks_suite(void);

Suite *hooks_suite(void)
{
	Suite *suite = suite_create("hooks");
	TCase *tcase = tcase_create("hooks");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_rows);
	tcase_add_test(tcase, test_better_first);
	tcase_add_test(tcase, test_older_kernel);
	tcase_add_test(tcase, test_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
