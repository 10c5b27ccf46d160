/* Scans random blocks made of what is hard to scan, and takes the events in them, each in memory of exactly its size, so
 * that a sanitizer sees every byte that is read outside. Arguments: seed, seconds. Built by tests/native/test_hostile.py and `make fuzz`. */
#include "../../exporter/native/events.c"
#include "../../exporter/native/scan.c"

#include <stdio.h>
#include <time.h>

static const char *const PIECES[] = {
    "\n",     "[",      "\n[2025-10-06 18:22:12] production.ERROR: ", "[2025-10-06T18:22:12.123456+02:00] a.INFO: ",
    "\n[",    "{",      "\n{\"message\":\"",                          "\"level_name\":\"ERROR\",\"channel\":\"",
    "2025",   "-10-06", " 18:22:12",                                  "]",
    " app",   ".",      ".ERROR: ",                                   ".EMERGENCY:",
    "+02:0",  "Z]",     "\xEF\xBB\xBF",                               "\xBF[",
    "\"",     "\\\"",   ":\"",                                        "Stale booking detected",
    "ing",    " dete",  "cted",                                       "aaaaaaaaaaaaaaaaaaaaaaaa",
    " {",     "\"booking_id\":12",                           "\"age_seconds\":-1.5",
    ",",      "}",      " \n",                                        "null",
    "\xC3\xA4", "\xF0\x9F", "\\u00e4",                                "[[[{\"a\":",
    "cccccc", "#0 /var/www/vendor/laravel/framework/src/Illuminate/Pipeline/Pipeline.php(101): x()\n",
};
static const char *const WORDS[] = {"Stale booking detected", "booking detected", "tected", "aaaa", "aaaaaaaaaaaaaaaaaaaa"};

static const char *const VALUES[] = {
    "1",      "-2.5",   "null", "\"a\xC3\xA4\"", "[[1,{\"a\":\"\\u00e4\"}]]", "\"tected\"", "tr", "\"\n\"",
    "\"\\\"", "false",  "0.12", "\"\xF0\x9F\x98\x80\"", "{\"a\":[]}", "\"a long text of more than eight bytes\"",
};

enum { VALUE_COUNT = sizeof VALUES / sizeof *VALUES };
enum { PIECE_COUNT = sizeof PIECES / sizeof *PIECES, WORD_COUNT = sizeof WORDS / sizeof *WORDS, ROOM = 128 };

static uint64_t state;
static unsigned long known_rows[5];

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

/* Make a matcher of some words, and of the eight levels' texts behind them. */
static matcher *make_matcher(void) {
    char all[512];
    uint32_t lengths[WORD_COUNT + LEVELS], count = draw(WORD_COUNT + 1), total = 0;
    for (uint32_t n = 0; n < count + LEVELS; n++) {
        const char *one = n < count ? WORDS[draw(WORD_COUNT)] : "\"ERROR\",\"channel\":\"";
        lengths[n] = (uint32_t)strlen(one);
        memcpy(all + total, one, lengths[n]);
        total += lengths[n];
    }
    return native_matcher_new((const uint8_t *)all, lengths, count + LEVELS);
}

/* Fill a block with records that are nearly well-formed, so that what is behind their headers is reached. */
static uint32_t fill_records(uint8_t *block) {
    char *at = (char *)block;
    for (uint32_t left = draw(12); left > 0; left--) {
        at += sprintf(at, "%s production.ERROR: %s%s", draw(9) ? "[2025-10-06 18:22:12]" : "[2025-10-06T18:22:12Z]",
                      draw(3) ? "Stale booking detected" : "x", draw(9) ? " {" : " ");
        if (draw(20) == 0)
            for (uint32_t more = draw(30); more > 0; more--) at += sprintf(at, "%s ", WORDS[draw(WORD_COUNT)]);
        for (uint32_t fields = draw(4); fields > 0; fields--)
            at += sprintf(at, "\"%s\":%s%s", draw(2) ? "booking_id" : "age_seconds", VALUES[draw(VALUE_COUNT)],
                          fields > 1 || draw(9) == 0 ? "," : "");
        at += sprintf(at, "}%s", draw(6) ? " \n" : draw(2) ? "\n#0 tected\n" : "");
        if (draw(6) == 0) at -= draw(3);
    }
    return (uint32_t)(at - (char *)block);
}

static uint32_t fill(uint8_t *block) {
    if (draw(2)) return fill_records(block);
    uint32_t length = 0;
    for (uint32_t left = draw(60); left > 0; left--) {
        const char *piece = PIECES[draw(PIECE_COUNT)];
        uint32_t size = (uint32_t)strlen(piece);
        size = draw(4) ? size : draw(size + 1);
        memcpy(block + length, piece, size);
        length += size;
        if (draw(8) == 0) block[length++] = (uint8_t)draw(256);
    }
    return length;
}

/* Read a context that is cut anywhere, in memory of exactly its size. */
static void read_alone(void) {
    static const meaning wanted = {.fields = 2, .field = {{IDENTIFIER, 10, "booking_id"}, {ABSOLUTE, 11, "age_seconds"}}};
    uint8_t wide[1000];
    char *next = (char *)wide;
    *next++ = '{';
    for (uint32_t fields = 1 + draw(3); fields > 0; fields--)
        next += sprintf(next, "\"%s\":%s%s", draw(2) ? "booking_id" : "age_seconds", VALUES[draw(VALUE_COUNT)],
                        fields > 1 ? "," : "} \n ");
    const uint32_t length = 1 + draw((uint32_t)(next - (char *)wide));
    uint8_t *text = malloc(length);
    if (text == NULL) return;
    memcpy(text, wide, length);
    reader json = {text, text + length, 0, 0};
    slice values[FIELDS] = {{NULL, NULL, 0}};
    if (read_fields(&json, &wanted, values)) ends_well(&json, text, text + length);
    double number;
    for (uint32_t n = 0; n < 2; n++)
        if (values[n].start != NULL && !plain_identifier(&values[n])) exact(&values[n], ABSOLUTE, &number);
    free(text);
}

static int outside(const findings *found, uint32_t length) {
    for (uint32_t n = 0; n < found->headers; n++)
        if (found->header_ends[n] > length || found->header_levels[n] >= LEVELS) return 1;
    return 0;
}

/* Take the events of all records in a block, with a table that learns what it hands back. */
static int take_events(meanings *known, const uint8_t *block, uint32_t length, const findings *found) {
    static const uint8_t roles[] = {LABEL, ABSOLUTE, IDENTIFIER}, lengths[] = {11, 11, 10},
                         keys[] = "age_secondsage_secondsbooking_id";
    if (found->headers < 2 || found->texts == 0) return 0;
    uint32_t rows[ROW * ROOM], counts[3 * ROOM], numbers_of[FIELDS * ROOM], incidents[INCIDENT * ROOM];
    uint64_t hashes[ROOM];
    double numbers[FIELDS * ROOM];
    run todo = {.header_ends = found->header_ends,
                .text_ends = found->text_ends,
                .text_numbers = found->text_numbers,
                .last = found->headers - 1,
                .texts = found->texts,
                .begin = bracket(block, found->header_ends[0]),
                .row = rows,
                .hash = hashes,
                .count = counts,
                .incident = incidents,
                .number_of = numbers_of,
                .number = numbers};
    while (todo.text < todo.texts && todo.text_ends[todo.text] <= todo.begin) todo.text++;
    native_run(known, block, &todo);
    if (todo.rows > found->texts || todo.counts > found->texts || todo.numbers > FIELDS * found->texts) return 1;
    if (todo.incidents > found->texts) return 1;
    for (uint32_t n = 0; n < todo.incidents; n++) {
        const uint32_t *one = incidents + INCIDENT * n;
        if (one[1] > one[2] || one[2] > one[3] || one[3] > length || one[4] > todo.rows) return 1;
        known_rows[4]++;
    }
    for (uint32_t n = 0; n < todo.rows; n++) {
        const uint32_t *row = rows + ROW * n;
        for (uint32_t place = 1; place < ROW; place++)
            if (row[place] > length) return 1;
        known_rows[row[0] == UNKNOWN ? 0 : row[0] == UNSEEN ? 1 : row[0] == OPEN ? 2 : 3]++;
        if (row[0] != UNKNOWN && row[0] != UNSEEN) continue;
        const uint32_t fields = draw(4), kind = row[0] == UNKNOWN && fields > 1 && draw(2) ? VARIES : draw(MOST);
        native_meanings_add(known, hashes[n], kind, row[0] == UNSEEN ? COUNT : draw(3), fields, roles, lengths, keys);
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    const clock_t end = clock() + atol(arguments[2]) * CLOCKS_PER_SEC;
    uint8_t wide[12 * 1500], levels[ROOM];
    uint32_t lists[5][ROOM];
    unsigned long blocks = 0;
    meanings *known = NULL;
    for (; blocks < 1000 || clock() < end; blocks++) {
        if (blocks % 500 == 0) {
            native_meanings_free(known);
            known = native_meanings_new(draw(1000), draw(1000));
        }
        read_alone();
        uint32_t length = fill(wide);
        uint8_t *block = malloc(length ? length : 1);
        matcher *made = make_matcher();
        if (block == NULL || made == NULL || known == NULL) return 3;
        memcpy(block, wide, length);
        findings found = {.room = draw(8) ? ROOM : 1 + draw(ROOM),
                          .header_ends = lists[0],
                          .text_ends = lists[1],
                          .text_numbers = lists[2],
                          .other_ends = lists[3],
                          .other_codes = lists[4],
                          .header_levels = levels};
        if (native_scan(made, block, length, &found) == 0) {
            if (outside(&found, length)) return 4;
            if (take_events(known, block, length, &found)) return 5;
        }
        native_matcher_free(made);
        free(block);
    }
    native_meanings_free(known);
    printf("%lu blocks; of records with events %lu begin and %lu vary in a new way, %lu are unusual, %lu shown, %lu incidents\n",
           blocks, known_rows[0], known_rows[1], known_rows[2], known_rows[3], known_rows[4]);
    for (int n = 0; n < 5; n++)
        if (known_rows[n] == 0) return 6;
    return 0;
}
