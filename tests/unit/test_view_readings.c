// SPDX-License-Identifier: Apache-2.0
/* Readings in the views: units, whose they are, and that no series comes twice. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "views/views.h"

Suite *view_readings_suite(void);

static struct sample sample;
static char *text;

static void setup(void)
{
	sample__init(&sample, 4, 4, 4);
	ck_assert_int_eq(readings__new(&sample.readings), 0);
	text = NULL;
}

static void teardown(void)
{
	free(text);
	sample__free(&sample);
}

static int64_t owner(const char *app, const char *namespace_, const char *instance)
{
	const struct model_labels labels = { { app, namespace_, instance, "", "" } };

	return readings__owner(sample.readings, &labels);
}

static void add(int64_t of, enum reading_kind kind, uint64_t value, const char *first,
		const char *second)
{
	ck_assert_int_eq(readings__add(sample.readings, of, kind, value, first, second, NULL), 0);
}

static void render(const struct view *view)
{
	free(text);
	text = sample__render(&sample, NULL, view, &encoder_text, NULL);
}

/* Whether the line is there, once. */
static void check_line(const char *line)
{
	const char *found = strstr(text, line);

	ck_assert_msg(found && !strstr(found + 1, line), "%s in\n%s", line, text);
}

#define NATIVE "region=\"test\",host=\"node\""
/* printf %s node | sha256sum */
#define FLY "region=\"test\",host=\"545e\""

START_TEST(units_are_those_of_the_view)
{
	int64_t a = owner("a", "", "1");

	add(a, READING_LOAD, 123, "15", NULL);
	add(a, READING_CPU, 1230000000, "0", "user");
	add(a, READING_DISK_SECTORS_READ, 3, "vda", NULL);
	add(a, READING_DISK_TIME_IO, 1500000000, "vda", NULL);
	add(a, READING_FILESYSTEM_BLOCKS, 7, "/", NULL);
	add(a, READING_FILESYSTEM_BLOCKS, 9, "/data", NULL);
	add(a, READING_FILESYSTEM_BLOCKS_FREE, 2, "/data", NULL);
	add(a, READING_FILESYSTEM_BLOCK_SIZE, 4096, "/", NULL);
	add(a, READING_FILESYSTEM_BLOCK_SIZE, 512, "/data", NULL);
	add(a, READING_VOLUME_USED, 425000, "vol", NULL);
	add(a, READING_PG_BGWRITER_CHECKPOINT_SYNC_TIME, 1500000, NULL, NULL);
	add(a, READING_PG_BGWRITER_STATS_RESET, 1700000000500000000, NULL, NULL);
	render(&view_native);
	check_line("\nedgetap_instance_load_average{app=\"a\"," NATIVE
		   ",instance=\"1\",minutes=\"15\"} 1.23\n");
	check_line("\nedgetap_instance_cpu_seconds_total{app=\"a\"," NATIVE
		   ",instance=\"1\",cpu=\"0\",mode=\"user\"} 1.23\n");
	check_line("\nedgetap_instance_disk_read_bytes_total{app=\"a\"," NATIVE
		   ",instance=\"1\",device=\"vda\"} 1536\n");
	check_line("\nedgetap_instance_disk_io_time_seconds_total{app=\"a\"," NATIVE
		   ",instance=\"1\",device=\"vda\"} 1.5\n");
	check_line("\nedgetap_instance_filesystem_size_bytes{app=\"a\"," NATIVE
		   ",instance=\"1\",mount=\"/\"} 28672\n");
	check_line("\nedgetap_instance_filesystem_size_bytes{app=\"a\"," NATIVE
		   ",instance=\"1\",mount=\"/data\"} 4608\n");
	check_line("\nedgetap_instance_filesystem_free_bytes{app=\"a\"," NATIVE
		   ",instance=\"1\",mount=\"/data\"} 1024\n");
	check_line("\nedgetap_volume_used_ratio{app=\"a\"," NATIVE ",id=\"vol\"} 0.425\n");
	check_line("\nedgetap_pg_bgwriter_checkpoint_sync_time_seconds_total{app=\"a\"," NATIVE
		   ",instance=\"1\"} 0.0015\n");
	render(&view_fly);
	check_line("\nfly_instance_cpu{app=\"a\"," FLY
		   ",instance=\"1\",cpu_id=\"0\",mode=\"user\"} 123\n");
	check_line("\nfly_instance_disk_sectors_read{app=\"a\"," FLY
		   ",instance=\"1\",device=\"vda\"} 3\n");
	check_line("\nfly_instance_disk_time_io{app=\"a\"," FLY
		   ",instance=\"1\",device=\"vda\"} 1500\n");
	check_line("\nfly_instance_filesystem_blocks{app=\"a\"," FLY
		   ",instance=\"1\",mount=\"/data\"} 9\n");
	check_line("\nfly_instance_filesystem_block_size{app=\"a\"," FLY
		   ",instance=\"1\",mount=\"/data\"} 512\n");
	check_line("\nfly_volume_used_pct{app=\"a\"," FLY ",id=\"vol\"} 42.5\n");
	check_line("\npg_stat_bgwriter_checkpoint_sync_time{app=\"a\"," FLY
		   ",instance=\"1\"} 1.5\n");
	check_line("\npg_stat_bgwriter_stats_reset{app=\"a\"," FLY
		   ",instance=\"1\"} 1700000000.5\n");
}
END_TEST

START_TEST(what_no_number_holds_is_not_shown)
{
	int64_t a = owner("a", "", "1"), b = owner("b", "", "1");

	add(a, READING_DISK_SECTORS_READ, UINT64_MAX / 511, "vda", NULL);
	add(b, READING_DISK_SECTORS_READ, 1, "vda", NULL);
	add(a, READING_FILESYSTEM_BLOCKS, 1ULL << 60, "/", NULL);
	add(a, READING_FILESYSTEM_BLOCK_SIZE, 4096, "/", NULL);
	add(b, READING_FILESYSTEM_BLOCKS, 1, "/", NULL); /* of unknown size */
	add(b, READING_FILESYSTEM_BLOCKS, 1, "/data", NULL);
	add(b, READING_FILESYSTEM_BLOCK_SIZE, 8, "/data", NULL);
	render(&view_native);
	ck_assert_ptr_null(strstr(text, "disk_read_bytes_total{app=\"a\""));
	check_line("disk_read_bytes_total{app=\"b\"");
	ck_assert_ptr_null(strstr(text, "filesystem_size_bytes{app=\"a\""));
	check_line("filesystem_size_bytes{app=\"b\"");
	check_line("mount=\"/data\"} 8\n");
}
END_TEST

/* Two instances that have one volume mounted; and one that was told of twice. */
START_TEST(no_series_comes_twice)
{
	int64_t one = owner("a", "x", "1"), two = owner("a", "x", "2"),
		other = owner("a", "y", "1");

	add(one, READING_VOLUME_SIZE, 10, "vol", NULL);
	add(two, READING_VOLUME_SIZE, 20, "vol", NULL);
	add(two, READING_VOLUME_SIZE, 30, "own", NULL);
	add(other, READING_VOLUME_SIZE, 40, "vol", NULL);
	add(one, READING_NET_RECV_BYTES, 1, "eth0", NULL);
	add(one, READING_NET_RECV_BYTES, 2, "eth0", NULL);
	add(other, READING_NET_RECV_BYTES, 3, "eth0", NULL);
	render(&view_native);
	check_line("edgetap_volume_size_bytes{app=\"a\"," NATIVE
		   ",namespace=\"x\",id=\"vol\"} 10\n");
	check_line("edgetap_volume_size_bytes{app=\"a\"," NATIVE
		   ",namespace=\"x\",id=\"own\"} 30\n");
	check_line("edgetap_volume_size_bytes{app=\"a\"," NATIVE
		   ",namespace=\"y\",id=\"vol\"} 40\n");
	ck_assert_ptr_null(strstr(text, "} 20\n"));
	check_line("instance=\"1\",namespace=\"x\",device=\"eth0\"} 1\n");
	check_line("instance=\"1\",namespace=\"y\",device=\"eth0\"} 3\n");
	/* without the namespace the two become one */
	render(&view_fly);
	check_line("fly_volume_size_bytes{app=\"a\"," FLY ",id=\"vol\"} 10\n");
	check_line("fly_volume_size_bytes{app=\"a\"," FLY ",id=\"own\"} 30\n");
	check_line("fly_instance_net_recv_bytes{app=\"a\"," FLY
		   ",instance=\"1\",device=\"eth0\"} 1\n");
	ck_assert_ptr_null(strstr(text, "} 40\n"));
	ck_assert_ptr_null(strstr(text, "} 3\n"));
}
END_TEST

START_TEST(thousands_are_told_apart)
{
	char instance[16], line[96];

	for (int i = 0; i < 5000; i++) {
		snprintf(instance, sizeof(instance), "i%d", i);
		add(owner(i % 2 ? "a" : "b", "", instance), READING_PROCESSES, (uint64_t)i, NULL,
		    NULL);
	}
	render(&view_native);
	for (int i = 0; i < 5000; i += 61) {
		snprintf(line, sizeof(line), "{app=\"%s\"," NATIVE ",instance=\"i%d\"} %d\n",
			 i % 2 ? "a" : "b", i, i);
		check_line(line);
	}
}
END_TEST

START_TEST(apps_have_no_readings_of_instances)
{
	int64_t a = owner("a", "", "1");

	add(a, READING_UP, 1, NULL, NULL);
	add(a, READING_VOLUME_SIZE, 10, "vol", NULL);
	render(&view_apps);
	ck_assert_ptr_null(strstr(text, "edgetap_instance_up"));
	check_line("\nedgetap_volume_size_bytes{app=\"a\"," NATIVE ",id=\"vol\"} 10\n");
}
END_TEST

START_TEST(a_scope_holds_for_readings)
{
	static const char *const apps[] = { "b" };
	const struct scope only = { .app = apps, .app_count = 1 };

	add(owner("a", "", "1"), READING_UP, 1, NULL, NULL);
	add(owner("b", "", "1"), READING_UP, 1, NULL, NULL);
	add(owner("a", "", "1"), READING_VOLUME_SIZE, 1, "v", NULL);
	sample.scope = &only;
	for (int i = 0; i < 3; i++) {
		render(i == 0 ? &view_native : i == 1 ? &view_apps : &view_fly);
		ck_assert_ptr_null(strstr(text, "\"a\""));
		ck_assert_ptr_null(strstr(text, "volume"));
	}
	check_line("fly_instance_up{app=\"b\",");
}
END_TEST

/* Knows two families, and tells where it was asked to write each. */
struct visitor {
	bool has_written;
};

static void visit_family(void *ctx, const struct metric_head *head, struct buffer *out)
{
	struct visitor *visitor = ctx;

	if (strcmp(head->name, "pg_database_size_bytes") != 0)
		return;
	ck_assert_int_eq(head->type, METRIC_GAUGE);
	buffer__append_text(out, "pg_database_size_bytes{app=\"guest\"} 7\n");
	visitor->has_written = true;
}

static void visit_rest(void *ctx, struct buffer *out)
{
	struct visitor *visitor = ctx;

	if (!visitor->has_written)
		buffer__append_text(out, "# TYPE pg_database_size_bytes gauge\n"
					 "pg_database_size_bytes{app=\"guest\"} 7\n");
	buffer__append_text(out, "# TYPE queue_length gauge\nqueue_length{app=\"guest\"} 5\n");
}

START_TEST(guests_are_where_their_families_are)
{
	struct visitor visitor = {};
	const struct exposition_extra extra = { visit_family, visit_rest, &visitor };

	sample.extra = &extra;
	render(&view_fly);
	check_line("# TYPE pg_database_size_bytes gauge\npg_database_size_bytes{app=\"guest\"} 7\n"
		   "# TYPE queue_length gauge\nqueue_length{app=\"guest\"} 5\n");
	add(owner("a", "", "1"), READING_PG_DATABASE_SIZE, 9, "db", NULL);
	render(&view_fly);
	check_line("# TYPE pg_database_size_bytes gauge\npg_database_size_bytes{app=\"a\"," FLY
		   ",instance=\"1\",datname=\"db\"} 9\npg_database_size_bytes{app=\"guest\"} 7\n"
		   "# TYPE queue_length gauge\nqueue_length{app=\"guest\"} 5\n");
	render(&view_native); /* no place for them */
	ck_assert_ptr_null(strstr(text, "guest"));
}
END_TEST

/* Every kind is shown, but those that only say what others are counted in. */
START_TEST(every_kind_has_its_family)
{
	static const int only_native[] = {
		READING_PRESSURE,
		READING_CPU_PERIODS,
		READING_CPU_THROTTLED_PERIODS,
		READING_CPU_THROTTLED,
		READING_PROCESSES,
		READING_PG_UP,
		READING_CUSTOM_UP,
		READING_CUSTOM_DURATION,
		READING_CUSTOM_SAMPLES,
		READING_CUSTOM_LEFT_OUT,
		READING_CUSTOM_UNTYPED,
		READING_CUSTOM_FAILURES,
		READING_CUSTOM_NOT_ASKED,
		READING_UNIX_STREAM_LISTENERS,
	};

	for (int kind = 0; kind < READING_KINDS; kind++) {
		size_t native = 0, fly = 0, wanted = 1;

		for (size_t i = 0; i < view_native.readings->count; i++)
			native += view_native.readings->family[i].reading == kind ||
				  view_native.readings->family[i].times == kind;
		for (size_t i = 0; i < view_fly.readings->count; i++)
			fly += view_fly.readings->family[i].reading == kind;
		for (size_t i = 0; i < sizeof(only_native) / sizeof(only_native[0]); i++)
			if (only_native[i] == kind)
				wanted = 0;
		ck_assert_msg(native >= 1, "kind %d", kind);
		ck_assert_msg(fly == wanted, "kind %d", kind);
	}
}
END_TEST

Suite *view_readings_suite(void)
{
	Suite *suite = suite_create("view_readings");
	TCase *tc = tcase_create("view_readings");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, units_are_those_of_the_view);
	tcase_add_test(tc, what_no_number_holds_is_not_shown);
	tcase_add_test(tc, no_series_comes_twice);
	tcase_add_test(tc, thousands_are_told_apart);
	tcase_add_test(tc, apps_have_no_readings_of_instances);
	tcase_add_test(tc, a_scope_holds_for_readings);
	tcase_add_test(tc, guests_are_where_their_families_are);
	tcase_add_test(tc, every_kind_has_its_family);
	suite_add_tcase(suite, tc);
	return suite;
}
