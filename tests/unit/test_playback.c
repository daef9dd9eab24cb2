// SPDX-License-Identifier: Apache-2.0
/*
 * A recording of a real agent, played to what makes expositions: whatever the code looks
 * like inside, the pages stay byte for byte what they were. Those in the text format are
 * compared in full for the last scrape; all pages of every scrape in all formats by a digest of
 * each family. `make record` makes another recording; EDGETAP_WRITE_GOLDEN=1 writes pages and
 * digests anew, to be read before they are committed; EDGETAP_PLAYBACK=DIR leaves the text of
 * every page of every scrape there, so that those of two builds can be compared.
 */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "player.h"

Suite *playback_suite(void);

#define FOLDER "golden/playback/"

/* How long the scrape before took is no part of a recording. */
#define UNRECORDED "edgetap_last_scrape_duration_seconds"

static FILE *file;
static struct player *player;

static void setup(void)
{
	file = fopen(golden__path(FOLDER "recording.jsonl"), "r");
	ck_assert_msg(file, "%s: %s", golden__path(FOLDER "recording.jsonl"), strerror(errno));
	player = player__new(file);
}

static void teardown(void)
{
	player__free(player);
	fclose(file);
}

/* A family's bytes on a page. */
struct part {
	const char *data, *end;
	char name[128];
};

static uint64_t read_varint(const char **at)
{
	uint64_t value = 0;
	int shift = 0;

	do
		value |= (uint64_t)(**at & 0x7f) << shift;
	while (shift += 7, *(*at)++ & 0x80);
	return value;
}

/* A message behind its length: the first of its fields is its name. */
static bool next_message(struct part *part, const char *end)
{
	const char *at = part->data = part->end;
	uint64_t length;

	if (at == end)
		return false;
	length = read_varint(&at);
	part->end = at + length;
	ck_assert_int_eq(*at++, 1 << 3 | 2);
	length = read_varint(&at);
	snprintf(part->name, sizeof(part->name), "%.*s", (int)length, at);
	return true;
}

/* Lines up to the next HELP or TYPE of another name. */
static bool next_lines(struct part *part, const char *end)
{
	char name[sizeof(part->name)];
	const char *at = part->data = part->end;

	if (at == end)
		return false;
	part->name[0] = '\0';
	while (at < end) {
		if (sscanf(at, "# %*[A-Z] %127s", name) == 1) {
			if (part->name[0] && strcmp(part->name, name))
				break;
			strcpy(part->name, name);
		}
		at = strchr(at, '\n') + 1;
	}
	part->end = at;
	return true;
}

static bool next_part(struct part *part, const struct encoder *encoder, const char *end)
{
	return encoder == &encoder_protobuf ? next_message(part, end) : next_lines(part, end);
}

/* Takes a family out of a text. */
static void cut_family(char *text, const char *name)
{
	const char *end = text + strlen(text);
	struct part part = { .end = text };

	while (next_lines(&part, end)) {
		if (strcmp(part.name, name))
			continue;
		memmove(text + (part.data - text), part.end, (size_t)(end - part.end) + 1);
		return;
	}
}

START_TEST(the_last_pages_are_as_they_were)
{
	const struct player_page *page = &player_pages[_i];
	enum recording_event event = RECORDING_EVENTS;
	char name[128], *text;
	uint32_t number;
	size_t length;

	while (player__next(player, &event, &number))
		;
	ck_assert_int_eq(event, RECORDING_SCRAPE);
	text = player__render(player, page, &encoder_text, &length);
	ck_assert_uint_eq(strlen(text), length);
	cut_family(text, UNRECORDED);
	snprintf(name, sizeof(name), FOLDER "%s.txt", page->name);
	golden__check(name, text);
	free(text);
}
END_TEST

static void print_hash(FILE *out, const struct part *part)
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const void *)part->data,
			   (unsigned long long)(part->end - part->data));
	fprintf(out, " %02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

/* Pages of two builds can be compared: EDGETAP_PLAYBACK names a directory for them. */
static void keep(uint32_t scrape, const struct player_page *page, const char *text)
{
	const char *folder = getenv("EDGETAP_PLAYBACK");
	char path[512];

	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/%u-%s.txt", folder, scrape, page->name);
	golden__write(path, text, strlen(text));
}

/* A line for each family, which all formats have in the same order. */
static void digest(FILE *out, uint32_t scrape, const struct player_page *page)
{
	struct part part[PLAYER_FORMATS] = { 0 };
	char *data[PLAYER_FORMATS];
	size_t length[PLAYER_FORMATS];
	int formats = 0;

	for (; formats < PLAYER_FORMATS && page->format[formats]; formats++)
		part[formats].end = data[formats] =
			player__render(player, page, page->format[formats], &length[formats]);
	keep(scrape, page, data[0]);
	while (next_part(&part[0], page->format[0], data[0] + length[0])) {
		for (int i = 1; i < formats; i++)
			ck_assert(next_part(&part[i], page->format[i], data[i] + length[i]));
		if (strcmp(part[0].name, UNRECORDED) == 0)
			continue;
		fprintf(out, "%u %s %s", scrape, page->name, part[0].name);
		for (int i = 0; i < formats; i++)
			print_hash(out, &part[i]);
		fputc('\n', out);
	}
	for (int i = 0; i < formats; i++) {
		ck_assert_ptr_eq(part[i].end, data[i] + length[i]);
		free(data[i]);
	}
}

START_TEST(every_scrape_is_as_it_was)
{
	enum recording_event event;
	uint32_t number;
	char *all = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&all, &size);

	while (player__next(player, &event, &number))
		for (size_t i = 0; event == RECORDING_SCRAPE && i < player_page_count; i++)
			digest(out, number, &player_pages[i]);
	fclose(out);
	golden__check(FOLDER "digests.txt", all);
	free(all);
}
END_TEST

/* Nothing of the recording is passed over: from what was made of it, it is made again. */
START_TEST(the_recording_is_understood)
{
	enum recording_event event;
	const char *key;
	uint32_t number;
	json_t *again, *value;

	while (player__next(player, &event, &number)) {
		again = moment__write(player__moment(player), "");
		json_object_foreach((json_t *)player__records(player), key, value) {
			const json_t *got = json_object_get(again, key);

			ck_assert_msg(json_equal(got, value), "%s: %s, not %s", key,
				      got ? json_dumps(got, JSON_COMPACT) : "nothing",
				      json_dumps(value, JSON_COMPACT));
		}
		ck_assert_uint_eq(json_object_size(again),
				  json_object_size(player__records(player)));
		json_decref(again);
	}
}
END_TEST

Suite *playback_suite(void)
{
	Suite *suite = suite_create("playback");
	TCase *tc = tcase_create("playback");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_last_pages_are_as_they_were, 0, (int)player_page_count);
	tcase_add_test(tc, every_scrape_is_as_it_was);
	tcase_add_test(tc, the_recording_is_understood);
	suite_add_tcase(suite, tc);
	return suite;
}
