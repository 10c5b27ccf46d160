/* What stands in a block of a log: headers, oddities, and the texts of events. C11, no library but libc's.
 *
 * The same answers as the patterns of exporter/records/scan.py, which are the
 * rule (tests hold the two to each other). Two passes, each near the speed of memory:
 *
 * - Line beginnings: 64 bytes at a time are asked, in a loop that compilers turn into vector
 *   instructions, whether a bracket or brace stands behind a line feed, a NUL or a byte order mark. What
 *   does is looked at byte by byte.
 * - Texts: every `stride` bytes the next four are looked up among the four-byte parts of the texts' ends.
 *   The stride is as long as the shortest text allows, so that each text's end is met exactly once; what
 *   is met is compared in full.
 *
 * Nothing is read outside the block or the texts, nothing is kept between calls, and a matcher is never
 * changed once made, so that any number of threads may use it.
 */
#include "native.h"

#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 3,         /* of this interface; exporter/native/library.py asks for it */
    CHUNK = 64,          /* bytes asked at once for line beginnings */
    GRAM = 4,            /* bytes looked up at once for texts */
    LONGEST_STRIDE = 16, /* of the pass for texts */
    HASH_BITS = 16,
    BUCKET_BITS = 12,
    LEVELS = 8,
    NAME_LIMIT = 75, /* bytes after a bracketed time without a colon, of which no header has as many */
    CHANNEL_LIMIT = 64,
    JSON_LEVELS = 8, /* codes of what is found besides headers, as in exporter/records/hits.py */
    JSON_OPEN = 16,
    SUSPECT = 17,
    ENCLOSED = 18,
};

/* A four-byte part of a text, `behind` bytes before the text's end. */
typedef struct {
    uint32_t gram, text, behind, hash;
} part;

typedef struct {
    const uint8_t *bytes;
    uint32_t length;
} text;

typedef struct {
    uint32_t stride, texts, events;
    uint64_t seen[(1u << HASH_BITS) / 64]; /* which hashes occur */
    uint32_t first[(1u << BUCKET_BITS) + 1]; /* where each bucket begins in `parts` */
    part *parts;
    text *table;
    uint8_t *bytes;
} matcher;

/* Where the caller wants the findings; each list has room for `room` entries and rises by `ends`, but that the levels of
 * JSON records stand behind all others. */
typedef struct {
    uint32_t room, headers, texts, others;
    uint32_t *header_ends, *text_ends, *text_numbers, *other_ends, *other_codes;
    uint8_t *header_levels;
} findings;

static uint32_t gram_at(const uint8_t *at) {
    uint32_t gram;
    memcpy(&gram, at, GRAM);
    return gram;
}

static uint32_t hashed(uint32_t gram) { return (gram * 2654435761u) >> (32 - HASH_BITS); }

static uint32_t bucket(uint32_t hash) { return hash >> (HASH_BITS - BUCKET_BITS); }

static int by_hash(const void *one, const void *other) {
    const part *a = one, *b = other;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    if (a->text != b->text) return a->text < b->text ? -1 : 1;
    return (a->behind > b->behind) - (a->behind < b->behind);
}

API int32_t native_version(void) { return VERSION; }

API void native_matcher_free(matcher *made) {
    if (made == NULL) return;
    free(made->parts);
    free(made->table);
    free(made->bytes);
    free(made);
}

/* Make a matcher of `count` texts of at least GRAM bytes, which stand one behind the other in `bytes`: those of events,
 * then one for each level of a JSON record. NULL where there is no memory, or a text is shorter. */
API matcher *native_matcher_new(const uint8_t *bytes, const uint32_t *lengths, uint32_t count) {
    matcher *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->texts = count;
    made->events = count < LEVELS ? 0 : count - LEVELS;
    size_t total = 0;
    uint32_t shortest = LONGEST_STRIDE + GRAM - 1;
    for (uint32_t n = 0; n < count; n++) {
        if (lengths[n] < shortest) shortest = lengths[n];
        total += lengths[n];
    }
    if (shortest < GRAM) {
        free(made);
        return NULL;
    }
    made->stride = shortest - GRAM + 1;
    size_t parts = (size_t)count * made->stride;
    made->bytes = malloc(total + 1);
    made->table = malloc((count + 1) * sizeof *made->table);
    made->parts = malloc((parts + 1) * sizeof *made->parts);
    if (made->bytes == NULL || made->table == NULL || made->parts == NULL) {
        native_matcher_free(made);
        return NULL;
    }
    if (total > 0) memcpy(made->bytes, bytes, total);
    const uint8_t *at = made->bytes;
    part *next = made->parts;
    for (uint32_t n = 0; n < count; at += lengths[n++]) {
        made->table[n] = (text){at, lengths[n]};
        for (uint32_t behind = GRAM; behind < GRAM + made->stride; behind++) {
            uint32_t gram = gram_at(at + lengths[n] - behind), hash = hashed(gram);
            *next++ = (part){gram, n, behind, hash};
            made->seen[hash / 64] |= 1ull << (hash % 64);
        }
    }
    if (parts > 0) qsort(made->parts, parts, sizeof *made->parts, by_hash);
    for (size_t n = 0; n < parts; n++) made->first[bucket(made->parts[n].hash) + 1]++;
    for (uint32_t n = 0; n < 1u << BUCKET_BITS; n++) made->first[n + 1] += made->first[n];
    return made;
}

static int note(findings *found, uint32_t end, uint32_t code) {
    if (found->others == found->room) return 1;
    found->other_ends[found->others] = end;
    found->other_codes[found->others++] = code;
    return 0;
}

/* Note the texts of which a part stands at `at`, by rising ends. */
static int note_texts(const matcher *made, const uint8_t *block, uint32_t length, uint32_t at, findings *found) {
    uint32_t gram = gram_at(block + at), hash = hashed(gram), begun = found->texts;
    const part *one = made->parts + made->first[bucket(hash)], *last = made->parts + made->first[bucket(hash) + 1];
    for (; one < last; one++) {
        if (one->gram != gram || one->behind > length - at) continue;
        const text *whole = &made->table[one->text];
        uint32_t end = at + one->behind;
        if (whole->length > end || memcmp(block + end - whole->length, whole->bytes, whole->length) != 0) continue;
        if (one->text >= made->events) {
            if (note(found, end, JSON_LEVELS + one->text - made->events)) return 1;
            continue;
        }
        if (found->texts == found->room) return 1;
        uint32_t place = found->texts++;
        for (; place > begun && found->text_ends[place - 1] > end; place--) {
            found->text_ends[place] = found->text_ends[place - 1];
            found->text_numbers[place] = found->text_numbers[place - 1];
        }
        found->text_ends[place] = end;
        found->text_numbers[place] = one->text;
    }
    return 0;
}

static int find_texts(const matcher *made, const uint8_t *block, uint32_t length, findings *found) {
    if (made->texts == 0 || length < GRAM) return 0;
    const uint32_t stride = made->stride, stop = length - GRAM;
    for (uint32_t at = 0; at <= stop; at += stride) {
        uint32_t hash = hashed(gram_at(block + at));
        if (made->seen[hash / 64] >> (hash % 64) & 1 && note_texts(made, block, length, at, found)) return 1;
    }
    return 0;
}

static int digits(const uint8_t *at, uint32_t count) {
    for (uint32_t n = 0; n < count; n++)
        if (at[n] < '0' || at[n] > '9') return 0;
    return 1;
}

/* Tell whether `YYYY-MM-DD ` or `YYYY-MM-DDT` stands at `at`, of which `left` bytes are there. */
static int date(const uint8_t *at, uint32_t left) {
    return left >= 11 && digits(at, 4) && at[4] == '-' && digits(at + 5, 2) && at[7] == '-' && digits(at + 8, 2) &&
           (at[10] == ' ' || at[10] == 'T');
}

/* Return the length of the bracketed time at `at` (at its bracket), or 0. */
static uint32_t bracketed_time(const uint8_t *at, uint32_t left) {
    if (left < 21 || !date(at + 1, left - 1)) return 0;
    if (!digits(at + 12, 2) || at[14] != ':' || !digits(at + 15, 2) || at[17] != ':' || !digits(at + 18, 2)) return 0;
    uint32_t n = 20;
    if (at[n] == '.') {
        uint32_t fraction = 0;
        for (n++; n < left && fraction < 9 && digits(at + n, 1); n++) fraction++;
        if (fraction == 0) return 0;
    }
    if (n < left && at[n] == 'Z') {
        n++;
    } else if (n < left && (at[n] == '+' || at[n] == '-')) {
        if (left - n < 5 || !digits(at + n + 1, 2)) return 0;
        n += 3;
        if (at[n] == ':') n++;
        if (left - n < 2 || !digits(at + n, 2)) return 0;
        n += 2;
    }
    return n < left && at[n] == ']' ? n + 1 : 0;
}

/* Tell whether a channel's name may hold `byte`. */
static int in_name(uint8_t byte) {
    return byte >= 0x20 && byte != ':' && byte != '[' && byte != ']' && byte != '{' && byte != '}' && byte != '"';
}

static int level_of(const uint8_t *at, uint32_t length) {
    static const char *const names[LEVELS] = {"DEBUG", "INFO",     "NOTICE", "WARNING",
                                              "ERROR", "CRITICAL", "ALERT",  "EMERGENCY"};
    for (int level = 0; level < LEVELS; level++)
        if (strlen(names[level]) == length && memcmp(at, names[level], length) == 0) return level;
    return -1;
}

/* Look at the line from the bracket at `at` on. Return the offset behind what was found, or 0: a header, whose level is
 * put into `level`, or a line that begins like one and is none (`level` is -1), up to where that shows. */
static uint32_t judge_line(const uint8_t *block, uint32_t length, uint32_t at, int *level) {
    uint32_t time = bracketed_time(block + at, length - at);
    *level = -1;
    if (time == 0 || at + time == length) return 0;
    if (block[at + time] != ' ') return at + time + 1;
    const uint32_t name = at + time + 1;
    uint32_t end = name, dot = UINT32_MAX;
    for (; end < length && in_name(block[end]); end++) {
        if (end - name == NAME_LIMIT - 1) return end + 1;
        if (block[end] == '.') dot = end;
    }
    if (end == length) return 0;
    if (block[end] != ':' || dot == UINT32_MAX || dot - name > CHANNEL_LIMIT) return end + 1;
    int found = level_of(block + dot + 1, end - dot - 1);
    if (found < 0) return end + 1;
    if (end + 1 == length) return 0;
    if (block[end + 1] == ' ') *level = found;
    return end + 2;
}

static int structural(uint8_t byte) {
    return byte == '\\' || byte == ':' || byte == ',' || byte == '[' || byte == '{';
}

/* Tell whether the last quote before `at` may open a string. Back to `known`, `opens` is the answer already. */
static int may_be_open(const uint8_t *block, uint32_t at, uint32_t known, int opens) {
    while (at > known && block[at - 1] != '"') at--;
    if (at == known) return opens;
    return at > 1 && structural(block[at - 2]);
}

typedef struct {
    uint32_t known; /* up to here the quotes were looked at */
    int opens;      /* whether the last of them may open a string */
} quotes;

/* Look at the bracket or brace at `at`, behind a line feed, a NUL or the last byte of a mark, or at the beginning. */
static int judge(const uint8_t *block, uint32_t length, uint32_t at, quotes *last, findings *found) {
    static const char json[] = "{\"message\":\"";
    const int begins = at == 0 || block[at - 1] == '\n';
    const int marked = at >= 3 && memcmp(block + at - 3, "\xEF\xBB\xBF", 3) == 0 && (at == 3 || block[at - 4] == '\n');
    const int can_begin = begins || marked || block[at - 1] == 0;
    if (block[at] == '{') {
        const uint32_t size = sizeof json - 1;
        if (!can_begin || length - at < size || memcmp(block + at, json, size) != 0) return 0;
        return note(found, at + size, JSON_OPEN);
    }
    if (!date(block + at + 1, length - at - 1)) return 0;
    if (at > 0) {
        last->opens = may_be_open(block, at - 1, last->known, last->opens);
        last->known = at - 1;
        if (last->opens && note(found, at + 12, ENCLOSED)) return 1;
    }
    int level;
    uint32_t end = can_begin ? judge_line(block, length, at, &level) : 0;
    if (end == 0) return 0;
    if (level < 0) return begins ? note(found, end, SUSPECT) : 0;
    if (found->headers == found->room) return 1;
    found->header_ends[found->headers] = end;
    found->header_levels[found->headers++] = (uint8_t)level;
    return 0;
}

static uint8_t is_lead(uint8_t byte) { return (byte == '\n') | (byte == 0) | (byte == 0xBF); }

static uint8_t is_open(uint8_t byte) { return (byte == '[') | (byte == '{'); }

/* Tell whether there may be one of CHUNK places at which a lead in `before` precedes a bracket or brace in `at`. Brackets
 * and braces differ in one bit; some controls are taken for leads, which costs less than to tell them apart. */
static uint8_t any_candidate(const uint8_t *before, const uint8_t *at) {
    uint8_t any = 0;
    for (uint32_t n = 0; n < CHUNK; n++) any |= ((before[n] <= '\n') | (before[n] == 0xBF)) & ((at[n] | 0x20) == '{');
    return any;
}

static int find_lines(const uint8_t *block, uint32_t length, findings *found) {
    quotes last = {0, 0};
    if (length > 0 && is_open(block[0]) && judge(block, length, 0, &last, found)) return 1;
    for (uint32_t at = 1; at < length;) {
        uint32_t stop = length - at < CHUNK ? length : at + CHUNK;
        if (stop == at + CHUNK) {
            if (!any_candidate(block + at - 1, block + at)) {
                at = stop;
                continue;
            }
        }
        for (; at < stop; at++)
            if (is_open(block[at]) && is_lead(block[at - 1]) && judge(block, length, at, &last, found)) return 1;
    }
    return 0;
}

/* Find everything in `block`. Returns 1 where a list of `found` is too small, and then not all is in it. */
API int32_t native_scan(const matcher *made, const uint8_t *block, uint32_t length, findings *found) {
    found->headers = found->texts = found->others = 0;
    return find_lines(block, length, found) || find_texts(made, block, length, found);
}
