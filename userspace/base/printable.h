/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others chose (names of files, processes and labels, messages of servers,
 * values of options), made fit for a log or a terminal: it is one line, and
 * nothing in it moves the cursor, sets a title or turns the order of letters.
 */
#ifndef EDGETAP_BASE_PRINTABLE_H
#define EDGETAP_BASE_PRINTABLE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Copies UTF-8 as it is, but control characters (C0, DEL, C1) and bytes that are
 * no UTF-8 as "\xNN" and "\uNNNN", and so what has no width or sets the
 * direction (Unicode's Bidi_Control, separators of lines, joiners, tags). A
 * backslash stays one. room: at least 4; a longer text is cut where a character
 * ends, and ends in "...". Returns the length without the NUL.
 */
size_t printable__copy(char *to, size_t room, const char *text);

/* The begin of a text for a sentence about it, in the buffer, which is returned. */
#define PRINTABLE_BRIEF_BYTES 52
const char *printable__brief(char buffer[PRINTABLE_BRIEF_BYTES], const char *text);

/* That in a buffer of the enclosing block. */
#define PRINTABLE(text) printable__brief((char[PRINTABLE_BRIEF_BYTES]){ 0 }, text)

/* The same in whole, to a stream; NUL is a character like another. */
void printable__write(FILE *out, const char *bytes, size_t length);

/* That of a string. */
void printable__print(FILE *out, const char *text);

#endif
