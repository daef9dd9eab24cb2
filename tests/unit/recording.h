/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording: one line for each change of a record (see moment.h), `{"KEY": {...}}`, or
 * null where there is no such record any more, and one for each event, which is of the
 * records as they are then:
 *
 *	{"retire": "SLOT"}	the slot's counts go to the roll-up
 *	{"scrape": "NUMBER"}	somebody asks
 *
 * tests/record makes one of a real agent.
 */
#ifndef EDGETAP_TESTS_RECORDING_H
#define EDGETAP_TESTS_RECORDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum recording_event { RECORDING_RETIRE, RECORDING_SCRAPE, RECORDING_EVENTS };

/*
 * Applies lines to records up to the next event. Returns false at the end of the file.
 * Aborts with the line's number on what is no line of a recording.
 */
bool recording__next(FILE *file, json_t *records, enum recording_event *ret_event,
		     uint32_t *ret_number);

/* Writes what makes records those that are now, and an event. */
void recording__add(FILE *file, json_t *records, const json_t *now, enum recording_event event,
		    uint32_t number);

#endif
