/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a thread stands beside all others of the machine. Both are wishes: without them all works,
 * at other times. Of the calling thread; threads that it starts inherit it.
 */
#ifndef EDGETAP_BASE_PRIORITY_H
#define EDGETAP_BASE_PRIORITY_H

/*
 * Soon, but no more than others: its turns are short, so one comes early after it has slept (Linux
 * 6.12; before, as by default). What is seldom awake, and awaited, then waits a millisecond on a
 * busy machine instead of ten or twenty.
 */
void priority__prompt(void);

/* Of no hurry beside what it observes. There is no way back without a privilege. */
void priority__background(void);

#endif
