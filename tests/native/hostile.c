/* Scans random blocks made of what is hard to scan, each in memory of exactly its size, so that a sanitizer sees
 * every byte that is read outside. Arguments: seed, seconds. Built by tests/native/test_hostile.py and `make fuzz`. */
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
    "cccccc", "#0 /var/www/vendor/laravel/framework/src/Illuminate/Pipeline/Pipeline.php(101): x()\n",
};
static const char *const TEXTS[] = {"Stale booking detected", "booking detected", "tected", "aaaa", "aaaaaaaaaaaaaaaaaaaa"};

enum { PIECE_COUNT = sizeof PIECES / sizeof *PIECES, TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS, ROOM = 64 };

static uint64_t state;

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static matcher *texts(void) {
    char all[256];
    uint32_t lengths[TEXT_COUNT], count = draw(TEXT_COUNT + 1), total = 0;
    for (uint32_t n = 0; n < count; n++) {
        const char *one = TEXTS[draw(TEXT_COUNT)];
        lengths[n] = (uint32_t)strlen(one);
        memcpy(all + total, one, lengths[n]);
        total += lengths[n];
    }
    return native_matcher_new((const uint8_t *)all, lengths, count);
}

static uint32_t fill(uint8_t *block) {
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

int main(int count, char **arguments) {
    if (count != 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    const clock_t end = clock() + atol(arguments[2]) * CLOCKS_PER_SEC;
    uint8_t wide[60 * 120], levels[ROOM];
    uint32_t lists[5][ROOM];
    unsigned long blocks = 0;
    for (; blocks < 1000 || clock() < end; blocks++) {
        uint32_t length = fill(wide);
        uint8_t *block = malloc(length ? length : 1);
        matcher *made = texts();
        if (block == NULL || made == NULL) return 3;
        memcpy(block, wide, length);
        findings found = {.room = 1 + draw(ROOM),
                          .header_ends = lists[0],
                          .text_ends = lists[1],
                          .text_numbers = lists[2],
                          .other_ends = lists[3],
                          .other_codes = lists[4],
                          .header_levels = levels};
        if (native_scan(made, block, length, &found) == 0)
            for (uint32_t n = 0; n < found.headers; n++)
                if (found.header_ends[n] > length || levels[n] >= LEVELS) return 4;
        native_matcher_free(made);
        free(block);
    }
    printf("%lu blocks\n", blocks);
    return 0;
}
