// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <string.h>

#include "defaults.h"
#include "metrics/model.h"
#include "sample.h"

Suite *model_suite(void);

static struct sample sample;
static struct model *model;

static void setup(void)
{
	sample__init(&sample, 16, 64, 64);
	ck_assert_int_eq(model__new(&model), 0);
}

static void teardown(void)
{
	model__free(model);
	sample__free(&sample);
}

static const struct model_grouping *cut(unsigned int mask)
{
	const struct model_grouping *made;

	ck_assert_int_eq(model__build(model, &sample.snapshot, &sample.source, NULL), 0);
	ck_assert_int_eq(model__group_by(model, mask, &made), 0);
	return made;
}

/* The entity with this app and instance (NULL: any). Fails if there is none. */
static const struct model_entity *find(const struct model_grouping *made, const char *app,
				       const char *instance)
{
	for (uint32_t i = 0; i < made->entity_count; i++) {
		const struct model_labels *labels = made->entity[i].labels;

		if (!strcmp(labels->value[MODEL_APP], app) &&
		    (!instance || !strcmp(labels->value[MODEL_INSTANCE], instance)))
			return &made->entity[i];
	}
	ck_abort_msg("no entity %s %s", app, instance ? instance : "");
	return NULL;
}

static uint64_t responses(const struct model_grouping *made, const struct model_entity *entity)
{
	uint64_t sum = 0;

	for (uint32_t i = entity->first_responses; i < entity->end_responses; i++)
		for (int m = 0; m < METHOD_N; m++)
			sum += made->responses[i].by_method[m];
	return sum;
}

START_TEST(equal_labels_are_one_entity)
{
	const struct model_grouping *made;
	const struct model_entity *entity;

	sample__instance(&sample, 3, "shop", "one");
	sample__instance(&sample, 5, "shop", "two");
	sample__instance(&sample, 9, "shop", "one");
	for (uint32_t slot = 3; slot <= 9; slot += 2)
		sample.slots[slot].count[COUNT_BYTES_IN] = slot;
	sample.slots[3].count[GAUGE_LISTEN_BACKLOG] = 4;
	sample.slots[9].count[GAUGE_LISTEN_BACKLOG] = 7;
	sample__respond(&sample, 3, 200, METHOD_GET, 2, 1000);
	sample__respond(&sample, 9, 200, METHOD_GET, 3, 1000);

	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(made->entity_count, 3); /* with `__other__` */
	ck_assert_uint_eq(model__instances(model), 3);
	entity = find(made, "shop", "one");
	ck_assert_uint_eq(entity->count[COUNT_BYTES_IN], 12);
	ck_assert_uint_eq(entity->count[GAUGE_LISTEN_BACKLOG], 7);
	ck_assert_uint_eq(responses(made, entity), 5);
	ck_assert_uint_eq(entity->end_rows - entity->first_rows, 2);

	made = cut(MODEL_APP_LABELS);
	ck_assert_uint_eq(made->entity_count, 2);
	entity = find(made, "shop", NULL);
	ck_assert_uint_eq(entity->count[COUNT_BYTES_IN], 17);
	ck_assert_uint_eq(responses(made, entity), 5);
}
END_TEST

START_TEST(nothing_is_lost_for_want_of_a_name)
{
	const struct model_grouping *made;

	sample.slots[2].in_use = 1; /* never announced */
	sample.slots[4].in_use = 1;
	sample__respond(&sample, 2, 200, METHOD_GET, 5, 1000);
	sample__respond(&sample, 4, 500, METHOD_GET, 6, 1000);
	sample.slots[OTHER_INDEX].count[COUNT_EDGE_CONNECTS] = 3;
	sample.statuses[OTHER_INDEX].responses[METHOD_GET] = 7;
	sample.groups[OTHER_INDEX].row[ROW_APP_RESPONSE].cell[5] = 8;

	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(made->entity_count, 2);
	ck_assert_uint_eq(responses(made, find(made, VALUE_UNKNOWN, VALUE_UNKNOWN)), 11);
	ck_assert_uint_eq(responses(made, find(made, VALUE_OTHER, VALUE_OTHER)), 7);
	ck_assert_uint_eq(find(made, VALUE_OTHER, VALUE_OTHER)->count[COUNT_EDGE_CONNECTS], 3);
	ck_assert_uint_eq(made->responses[0].status, STATUS_OTHER);
	ck_assert_uint_eq(made->rows[0].status, STATUS_OTHER);
	ck_assert_uint_eq(made->rows[0].row[ROW_APP_RESPONSE].cell[5], 8);
}
END_TEST

START_TEST(dropped_and_free_slots_are_not_there)
{
	const struct model_grouping *made;

	sample__instance(&sample, 1, "hidden", "x");
	sample.identities[1].dropped = true;
	sample__respond(&sample, 1, 200, METHOD_GET, 5, 1000);
	sample__instance(&sample, 2, "gone", "x");
	sample.slots[2].in_use = 0;
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(made->entity_count, 1);
	ck_assert_uint_eq(model__instances(model), 0);
	ck_assert_uint_eq(responses(made, &made->entity[0]), 0);
}
END_TEST

START_TEST(in_flight_is_started_less_finished)
{
	__u64 *count = sample.slots[1].count;

	sample__instance(&sample, 1, "shop", "one");
	sample__respond(&sample, 1, 200, METHOD_GET, 10, 1000);
	sample__respond(&sample, 1, 404, METHOD_POST, 10, 1000);
	ck_assert_uint_eq(cut(MODEL_ALL_LABELS)->entity[1].in_flight, 0);
	count[COUNT_HTTP_STARTED] += 9;
	ck_assert_uint_eq(cut(MODEL_ALL_LABELS)->entity[1].in_flight, 9);
	/* one that was aborted before it was read had not been started */
	count[COUNT_HTTP_ABORTED + ABORT_BY_CLIENT * ABORT_PHASE_N + ABORT_IN_REQUEST] = 1;
	ck_assert_uint_eq(cut(MODEL_ALL_LABELS)->entity[1].in_flight, 9);
	count[COUNT_HTTP_ABORTED + ABORT_BY_CLIENT * ABORT_PHASE_N + ABORT_IN_WAIT] = 1;
	count[COUNT_HTTP_ABORTED + ABORT_BY_CLIENT * ABORT_PHASE_N + ABORT_IN_RESPONSE] = 1;
	count[COUNT_HTTP_ABORTED + ABORT_BY_SERVER * ABORT_PHASE_N + ABORT_IN_WAIT] = 1;
	count[COUNT_HTTP_ABORTED + ABORT_BY_SERVER * ABORT_PHASE_N + ABORT_IN_RESPONSE] = 1;
	count[COUNT_HTTP_LOST] = 1;
	ck_assert_uint_eq(cut(MODEL_ALL_LABELS)->entity[1].in_flight, 4);
	count[COUNT_HTTP_STARTED] = 0; /* read in between */
	ck_assert_uint_eq(cut(MODEL_ALL_LABELS)->entity[1].in_flight, 0);
}
END_TEST

START_TEST(roles_are_what_was_seen)
{
	const struct model_grouping *made;

	sample__instance(&sample, 1, "idle", "x");
	sample__instance(&sample, 2, "client", "x");
	sample.slots[2].count[COUNT_OUTBOUND_FAILED] = 1;
	sample__instance(&sample, 3, "server", "x");
	sample.slots[3].count[COUNT_EDGE_CONNECTS] = 1;
	sample__instance(&sample, 4, "listener", "x");
	sample.slots[4].count[GAUGE_LISTEN_BACKLOG_LIMIT] = 128;
	sample__instance(&sample, 5, "both", "x");
	sample.slots[5].count[COUNT_OUTBOUND_CONNECTS] = 1;
	sample__respond(&sample, 5, 200, METHOD_GET, 1, 1);
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(find(made, "idle", NULL)->roles, 0);
	ck_assert_uint_eq(find(made, "client", NULL)->roles, ROLE_CLIENT);
	ck_assert_uint_eq(find(made, "server", NULL)->roles, ROLE_SERVER);
	ck_assert_uint_eq(find(made, "listener", NULL)->roles, ROLE_SERVER);
	ck_assert_uint_eq(find(made, "both", NULL)->roles, ROLE_SERVER | ROLE_CLIENT);
}
END_TEST

START_TEST(labels_that_are_not_utf8_become_so_and_one)
{
	const struct model_grouping *made;

	sample__instance(&sample, 1, "bad \xff", "x");
	sample__instance(&sample, 2, "bad \xfe", "x");
	sample__respond(&sample, 1, 200, METHOD_GET, 1, 1);
	sample__respond(&sample, 2, 200, METHOD_GET, 2, 1);
	for (int again = 0; again < 2; again++) {
		made = cut(MODEL_ALL_LABELS);
		ck_assert_uint_eq(made->entity_count, 2);
		ck_assert_uint_eq(responses(made, find(made, "bad \xef\xbf\xbd", "x")), 3);
	}
}
END_TEST

/* The entity's destinations that are listed, and what they do not list. */
static unsigned int listed(const struct model_grouping *made, const struct model_entity *entity,
			   uint64_t ret_rest[SERIES_COUNTS])
{
	const char *other[SERIES_NAMES];
	unsigned int n = 0;

	series__other(SERIES_DESTINATIONS, other);
	for (uint32_t i = entity->first_series; i < entity->end_series; i++) {
		const struct model_series *series = &made->series[i];

		if (series->kind != SERIES_DESTINATIONS)
			continue;
		if (memcmp(series->name[0], other[0], NAME_ADDRESS_BYTES) != 0)
			n++;
		else
			memcpy(ret_rest, series->count, sizeof(series->count));
	}
	return n;
}

START_TEST(destinations_of_a_former_owner_are_not_counted)
{
	const struct model_grouping *made;
	const struct model_entity *entity;
	uint64_t rest[SERIES_COUNTS];

	sample__instance(&sample, 1, "old", "x");
	sample__destination(&sample, 1, "10.0.0.1", 80, 5, 0, 0);
	sample.slots[1].generation++; /* detached, not yet given back */
	made = cut(MODEL_ALL_LABELS);
	entity = find(made, "old", "x");
	ck_assert_uint_eq(listed(made, entity, rest), 1);
	sample__instance(&sample, 1, "new", "x");
	sample__destination(&sample, 1, "10.0.0.2", 80, 6, 1, 2);
	sample.slots[1].count[COUNT_OUTBOUND_CONNECTS] = 10;
	sample.slots[1].count[COUNT_OUTBOUND_FAILED] = 2;
	made = cut(MODEL_ALL_LABELS);
	entity = find(made, "new", "x");
	ck_assert_uint_eq(listed(made, entity, rest), 1);
	ck_assert_uint_eq(made->series[entity->first_series].count[DESTINATION_CONNECTS], 6);
	ck_assert_uint_eq(rest[DESTINATION_CONNECTS], 4);
	ck_assert_uint_eq(rest[DESTINATION_REFUSED], 0); /* listed before it was totalled */
	ck_assert_uint_eq(rest[DESTINATION_FAILED], 0);
}
END_TEST

/* What the destinations of an app's instance x do not list of its connects. */
static uint64_t other_connects(const char *app)
{
	const struct model_grouping *made = cut(MODEL_ALL_LABELS);
	uint64_t rest[SERIES_COUNTS] = {};

	listed(made, find(made, app, "x"), rest);
	return rest[DESTINATION_CONNECTS];
}

START_TEST(the_rest_does_not_fall_once_destinations_were_left_out)
{
	uint64_t *connects = &sample.series[SERIES_DESTINATIONS][0].count[DESTINATION_CONNECTS];

	sample__instance(&sample, 1, "shop", "x");
	sample__destination(&sample, 1, "10.0.0.2", 80, 6, 0, 0);
	for (int full = 0; full <= 1; full++) {
		sample.snapshot.loss[LOSS_DESTINATIONS_FULL] = full;
		*connects = 6;
		sample.slots[1].count[COUNT_OUTBOUND_CONNECTS] = 9; /* one of them came late */
		ck_assert_uint_eq(other_connects("shop"), 3);
		*connects = 7;
		ck_assert_uint_eq(other_connects("shop"), full ? 3 : 2);
	}
	/* The next owner starts afresh. */
	sample__instance(&sample, 1, "next", "x");
	ck_assert_uint_eq(other_connects("next"), 0);
}
END_TEST

START_TEST(more_cuts_than_are_kept_are_made_again)
{
	const struct model_grouping *made;

	for (uint32_t slot = 1; slot < 16; slot++) {
		sample__instance(&sample, slot, slot % 2 ? "odd" : "even", "x");
		sample.identities[slot].pod = slot % 3 ? "p" : "q";
		sample.slots[slot].count[COUNT_BYTES_IN] = 1;
	}
	cut(MODEL_ALL_LABELS);
	for (int round = 0; round < 3; round++) {
		for (unsigned int mask = 0; mask <= MODEL_ALL_LABELS; mask++) {
			uint64_t sum = 0;

			ck_assert_int_eq(model__group_by(model, mask, &made), 0);
			ck_assert_uint_eq(made->mask, mask);
			for (uint32_t i = 0; i < made->entity_count; i++)
				sum += made->entity[i].count[COUNT_BYTES_IN];
			ck_assert_uint_eq(sum, 15);
		}
	}
}
END_TEST

/* Calls of a method, and how many values its first row of times holds. */
static uint64_t calls(const struct model_grouping *made, const struct model_entity *entity,
		      const char *method, uint64_t *ret_times)
{
	uint64_t sum = 0;

	*ret_times = 0;
	for (uint32_t i = entity->first_rpc; i < entity->end_rpc; i++)
		for (int c = 0; c < RPC_CODES && !strcmp(made->rpcs[i].method, method); c++)
			sum += made->rpcs[i].by_code[c];
	for (uint32_t i = entity->first_rows; i < entity->end_rows; i++) {
		const struct model_rows *rows = &made->rows[i];

		ck_assert_int_eq(!rows->method, rows->status != STATUS_RPC(0));
		for (int c = 0; rows->method && c < GRID_MAX_CELLS; c++)
			if (!strcmp(rows->method, method))
				*ret_times += rows->row[ROW_RPC_RESPONSE].cell[c];
	}
	return sum;
}

START_TEST(a_method_is_one_however_it_is_coded)
{
	const struct model_entity *entity;
	const struct model_grouping *made;
	uint64_t times;

	sample__instance(&sample, 1, "shop", "one");
	sample__instance(&sample, 2, "shop", "two");
	sample__call(&sample, 1, "/shop.Cart/Add", true, 0, 3, 1000);
	sample__call(&sample, 1, "/shop.Cart/Add", false, 5, 4, 1000);
	sample__call(&sample, 2, "/shop.Cart/Add", true, 0, 5, 1000);
	sample__call(&sample, 2, "/shop.Cart/Remove", true, 0, 6, 1000);
	sample__call(&sample, 2, "no path", false, 0, 7, 1000);
	sample.rpcs[OTHER_INDEX].responses[RPC_CODE_UNKNOWN] = 9;
	for (int again = 0; again < 2; again++) { /* the texts are kept */
		made = cut(MODEL_ALL_LABELS);
		entity = find(made, "shop", "one");
		ck_assert_uint_eq(calls(made, entity, "/shop.Cart/Add", &times), 7);
		ck_assert_uint_eq(times, 7);
		ck_assert_uint_eq(calls(made, find(made, VALUE_OTHER, NULL), VALUE_OTHER, &times),
				  9);
		made = cut(MODEL_APP_LABELS);
		entity = find(made, "shop", NULL);
		ck_assert_uint_eq(calls(made, entity, "/shop.Cart/Add", &times), 12);
		ck_assert_uint_eq(times, 12);
		ck_assert_uint_eq(calls(made, entity, "/shop.Cart/Remove", &times), 6);
		ck_assert_uint_eq(times, 6);
		ck_assert_uint_eq(calls(made, entity, VALUE_OTHER, &times), 7);
		ck_assert_uint_eq(times, 7);
		ck_assert_uint_eq(entity->roles, 0); /* calls are responses, counted as such */
	}
	/* Entry 1 changes hands; its text does too. */
	sample__reuse(&sample, 1);
	sample__instance(&sample, 1, "bank", "x");
	sample.rpcs_used = 1;
	sample__call(&sample, 1, "/bank.Till/Pay", true, 0, 2, 1000);
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(calls(made, find(made, "bank", "x"), "/bank.Till/Pay", &times), 2);
	ck_assert_uint_eq(times, 2);
	/* Rows whose entry is gone are still the instance's. */
	sample.rpcs[1].in_use = 0;
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(calls(made, find(made, "bank", "x"), VALUE_OTHER, &times), 0);
	ck_assert_uint_eq(times, 2);
}
END_TEST

/* How many series the entity has of these kinds, bits. */
static unsigned int series_of(const struct model_grouping *made, const struct model_entity *entity,
			      unsigned int kinds)
{
	unsigned int n = 0;

	for (uint32_t i = entity->first_series; i < entity->end_series; i++)
		n += kinds >> made->series[i].kind & 1;
	return n;
}

#define OF_TLS (1U << SERIES_TLS_ERRORS | 1U << SERIES_TLS_HELLOS)

/* The count of these names, or 0. Names are in order, and in an entity each comes once. */
static uint64_t named(const struct model_grouping *made, const struct model_entity *entity,
		      enum series_kind kind, const char *a, const char *b, const char *c)
{
	uint64_t count = 0;

	for (uint32_t i = entity->first_series; i < entity->end_series; i++) {
		const struct model_series *n = &made->series[i];

		if (n->kind != kind || strcmp(n->name[0], a) || strcmp(n->name[1], b) ||
		    strcmp(n->name[2], c))
			continue;
		ck_assert_uint_eq(count, 0);
		count = n->count[0];
	}
	return count;
}

START_TEST(equal_names_are_one_count)
{
	const struct model_entity *entity;
	const struct model_grouping *made;

	sample__instance(&sample, 1, "shop", "one");
	sample__instance(&sample, 2, "shop", "two");
	for (uint32_t slot = 1; slot <= 2; slot++) {
		sample__tls_error(&sample, slot, "a.example", "client", "unknown_ca", slot);
		sample__tls_error(&sample, slot, "a.example", "client", "closed", 10 * slot);
		sample__tls_error(&sample, slot, VALUE_OTHER, VALUE_OTHER, VALUE_OTHER, 100);
		sample__tls_hello(&sample, slot, "h2", 1000);
		sample__tls_hello(&sample, slot, "", 1);
		sample.slots[slot].count[COUNT_TLS_UNNAMED_ERRORS] = 5;
	}
	sample__tls_error(&sample, 2, "bad\xff", "client", "closed", 7);

	made = cut(MODEL_ALL_LABELS);
	entity = find(made, "shop", "two");
	ck_assert_uint_eq(series_of(made, entity, OF_TLS), 6);
	ck_assert_uint_eq(
		named(made, entity, SERIES_TLS_ERRORS, VALUE_OTHER, VALUE_OTHER, VALUE_OTHER), 105);
	ck_assert_uint_eq(named(made, entity, SERIES_TLS_ERRORS, VALUE_OTHER, "client", "closed"),
			  7);
	ck_assert_uint_eq(named(made, entity, SERIES_TLS_HELLOS, "", "", ""), 1);
	made = cut(MODEL_APP_LABELS);
	entity = find(made, "shop", NULL);
	ck_assert_uint_eq(
		named(made, entity, SERIES_TLS_ERRORS, "a.example", "client", "unknown_ca"), 3);
	ck_assert_uint_eq(named(made, entity, SERIES_TLS_ERRORS, "a.example", "client", "closed"),
			  30);
	ck_assert_uint_eq(
		named(made, entity, SERIES_TLS_ERRORS, VALUE_OTHER, VALUE_OTHER, VALUE_OTHER), 210);
	ck_assert_uint_eq(named(made, entity, SERIES_TLS_HELLOS, "h2", "", ""), 2000);
}
END_TEST

START_TEST(names_of_a_former_owner_are_not_counted)
{
	const struct model_entity *entity;
	const struct model_grouping *made;

	sample__instance(&sample, 1, "old", "x");
	sample__tls_error(&sample, 1, "a.example", "client", "closed", 5);
	sample__tls_hello(&sample, 1, "h2", 5);
	sample.slots[1].generation++; /* detached, not yet given back */
	made = cut(MODEL_ALL_LABELS);
	entity = find(made, "old", "x");
	ck_assert_uint_eq(series_of(made, entity, OF_TLS), 2);
	sample__instance(&sample, 1, "new", "x");
	sample__tls_hello(&sample, 1, "h2", 6);
	sample__tls_error(&sample, 1, "a.example", "client", "closed", 5);
	sample.series[SERIES_TLS_ERRORS][1].slot = 99; /* no such slot */
	made = cut(MODEL_ALL_LABELS);
	entity = find(made, "new", "x");
	ck_assert_uint_eq(series_of(made, entity, OF_TLS), 1);
	ck_assert_uint_eq(named(made, entity, SERIES_TLS_HELLOS, "h2", "", ""), 6);
}
END_TEST

START_TEST(open_upgrades_are_begun_less_ended)
{
	__u64 *count = sample.slots[1].count;
	const struct model_grouping *made;

	sample__instance(&sample, 1, "shop", "one");
	count[COUNT_EDGE_CONNECTS] = 9;
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(find(made, "shop", "one")->roles, ROLE_SERVER);
	count[COUNT_UPGRADES] = 9;
	count[COUNT_UPGRADES_ENDED] = 4;
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(find(made, "shop", "one")->roles, ROLE_SERVER | ROLE_UPGRADER);
	ck_assert_uint_eq(find(made, "shop", "one")->upgraded, 5);
	count[COUNT_UPGRADES_ENDED] = 10; /* read in between */
	made = cut(MODEL_ALL_LABELS);
	ck_assert_uint_eq(find(made, "shop", "one")->upgraded, 0);
}
END_TEST

START_TEST(exits_are_by_code_and_make_no_server)
{
	const struct model_entity *entity;
	const struct model_grouping *made;

	sample__instance(&sample, 1, "job", "one");
	sample__instance(&sample, 2, "job", "two");
	sample__exit(&sample, 1, 3, 1);
	sample__exit(&sample, 2, 3, 1);
	sample__exit(&sample, 2, 137, 4);
	sample__exit(&sample, 2, 0, 1);
	sample.series[SERIES_EXITS][3].generation -= 2; /* of another life */
	sample.slots[2].count[COUNT_OOM_KILLS] = 4;
	sample.slots[2].count[COUNT_RUN_DELAY_NS] = 5;
	made = cut(MODEL_ALL_LABELS);
	entity = find(made, "job", "two");
	ck_assert_uint_eq(entity->roles, 0);
	ck_assert_uint_eq(series_of(made, entity, 1U << SERIES_EXITS), 2);
	ck_assert_uint_eq(named(made, entity, SERIES_EXITS, "137", "", ""), 4);
	made = cut(MODEL_APP_LABELS);
	entity = find(made, "job", NULL);
	ck_assert_uint_eq(named(made, entity, SERIES_EXITS, "3", "", ""), 2);
	ck_assert_uint_eq(entity->count[COUNT_OOM_KILLS], 4);
	ck_assert_uint_eq(entity->count[COUNT_RUN_DELAY_NS], 5);
}
END_TEST

Suite *model_suite(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, equal_labels_are_one_entity);
	tcase_add_test(tc, nothing_is_lost_for_want_of_a_name);
	tcase_add_test(tc, dropped_and_free_slots_are_not_there);
	tcase_add_test(tc, in_flight_is_started_less_finished);
	tcase_add_test(tc, roles_are_what_was_seen);
	tcase_add_test(tc, labels_that_are_not_utf8_become_so_and_one);
	tcase_add_test(tc, destinations_of_a_former_owner_are_not_counted);
	tcase_add_test(tc, the_rest_does_not_fall_once_destinations_were_left_out);
	tcase_add_test(tc, more_cuts_than_are_kept_are_made_again);
	tcase_add_test(tc, a_method_is_one_however_it_is_coded);
	tcase_add_test(tc, equal_names_are_one_count);
	tcase_add_test(tc, names_of_a_former_owner_are_not_counted);
	tcase_add_test(tc, open_upgrades_are_begun_less_ended);
	tcase_add_test(tc, exits_are_by_code_and_make_no_server);
	suite_add_tcase(suite, tc);
	return suite;
}
