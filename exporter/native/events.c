/* What the plain records of a run mean, where the beginning of the record is known. C11, no library but libc's.
 *
 * A record's beginning (channel, level, and message up to the last text of an event in it) is looked up in a
 * table that Python fills: exporter/records/meanings.py asks exporter/events/settle.py, which is the rule. What
 * is known is counted here, by minute, and the fields that matter are read from the JSON context. All else is handed
 * back: unknown beginnings, contexts laid out in an unusual way, fields that are malformed. So this may refuse
 * anything, but must never say something else than the rule (tests hold it to that).
 *
 * Nothing is read outside the block. A table serves one thread.
 */
#include "native.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 2048, /* of the table; half of them are used at most */
    MOST = SLOTS / 2,
    FIELDS = 4,           /* of one meaning */
    KEY_LENGTH = 58,      /* bytes of a field's key */
    BEGINNING = 240,      /* bytes of a beginning that is looked up */
    TEXTS = 12,           /* different texts of events in a message, and behind it */
    USUAL = 20,           /* bytes from a bracketed time's bracket to the other, as Laravel writes it */
    MINUTE = 16,          /* bytes of such a time that tell the minute */
    SPAN = 160,           /* bytes before a header's end within which it begins */
    ROW = 6 + 2 * FIELDS, /* numbers in a row */
    INCIDENT = 5,         /* numbers in an incident */
    DEPTH = 60,           /* of a context */
    DIGITS = 15,          /* of a number that a double holds exactly */
};

/* What a meaning asks for: nothing at all, to be counted, or that Python sees its fields. */
enum mode { NOTHING, COUNT, SHOW };

/* What a field is for: part of what is counted, a value to observe (as it is, without its sign, or divided by
 * thousand), an identifier, or to be shown. */
enum role { LABEL, NUMBER, ABSOLUTE, THOUSANDTH, IDENTIFIER, SHOWN };

/* Kinds that are none: what the labels say decides; a beginning, or its labels, are not known yet; the rule decides. */
static const uint32_t VARIES = UINT32_MAX, UNKNOWN = UINT32_MAX - 1, UNSEEN = UINT32_MAX - 2, OPEN = UINT32_MAX - 3;

typedef struct {
    uint8_t role, length;
    uint8_t key[KEY_LENGTH];
} field;

typedef struct {
    uint64_t hash;
    uint32_t kind;
    uint8_t used, mode, fields;
    field field[FIELDS];
} meaning;

typedef struct {
    uint64_t secret[2];
    uint32_t count;
    uint32_t latest[MOST]; /* by kind, one more than the place of its newest count in the present run */
    meaning slots[SLOTS];
} meanings;

/* The run: the headers and texts of a block, of which records number `first` to before `last` and texts from `text` on
 * are looked at. `begin` is where the first record begins. There is room for a row, a count, an incident and FIELDS
 * numbers for each text. */
typedef struct {
    const uint32_t *header_ends, *text_ends, *text_numbers;
    uint32_t first, last, text, texts, begin;
    uint32_t rows, counts, incidents, numbers;
    uint32_t *row;       /* kind, begin, header's end, end, first text, text behind the last, then start and end of fields */
    uint64_t *hash;      /* of each row: of what is not known */
    uint32_t *count;     /* kind, how many, the offset of the newest time */
    uint32_t *incident;  /* kind, the offset of the time, start and end of the identifier, how many rows came before */
    uint32_t *number_of; /* FIELDS times the kind, and the place among its fields */
    double *number;
} run;

typedef struct {
    uint32_t begin, body, end, text, until; /* offsets of the record, the end of its header, and which texts are its own */
} record;

typedef struct {
    const uint8_t *start, *end;
    int escaped;
} slice;

typedef struct {
    const uint8_t *at, *end;
    int escaped;  /* whether the last string holds a backslash */
    int restored; /* whether a string holds a real line feed or return, which the rule restores */
} reader;

/* SipHash-1-3 (https://github.com/veorq/SipHash): who writes messages must not be able to make two equal. */
static uint64_t rotated(uint64_t value, int by) { return value << by | value >> (64 - by); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[2] = rotated(v[2], 32);
}

static uint64_t sip_hash(const uint64_t secret[2], const uint8_t *bytes, size_t length) {
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du, secret[0] ^ 0x6c7967656e657261u,
                     secret[1] ^ 0x7465646279746573u};
    size_t at = 0;
    uint64_t word;
    for (; length - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (length > at) memcpy(&word, bytes + at, length - at);
    word |= (uint64_t)length << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int n = 0; n < 3; n++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

API meanings *native_meanings_new(uint64_t secret, uint64_t more) {
    meanings *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->secret[0] = secret;
    made->secret[1] = more;
    return made;
}

API void native_meanings_free(meanings *made) { free(made); }

static meaning *slot_of(meanings *known, uint64_t hash) {
    uint32_t at = (uint32_t)hash % SLOTS;
    while (known->slots[at].used && known->slots[at].hash != hash) at = (at + 1) % SLOTS;
    return &known->slots[at];
}

/* Remember that `hash` means `kind`, whose `count` fields have `roles` and `keys`, the keys of `lengths` one behind the
 * other. Returns 0 where that cannot be remembered: the table is full, or a key too long. */
API int32_t native_meanings_add(meanings *known, uint64_t hash, uint32_t kind, uint32_t mode, uint32_t count,
                                const uint8_t *roles, const uint8_t *lengths, const uint8_t *keys) {
    if (known->count == MOST || count > FIELDS || (kind >= MOST && kind != VARIES)) return 0;
    for (uint32_t n = 0; n < count; n++)
        if (lengths[n] > KEY_LENGTH) return 0;
    meaning *one = slot_of(known, hash);
    if (one->used) return 1;
    *one = (meaning){.hash = hash, .kind = kind, .used = 1, .mode = (uint8_t)mode, .fields = (uint8_t)count};
    for (uint32_t n = 0; n < count; keys += lengths[n++]) {
        one->field[n].role = roles[n];
        one->field[n].length = lengths[n];
        memcpy(one->field[n].key, keys, lengths[n]);
    }
    known->count++;
    return 1;
}

static uint8_t peek(const reader *json) { return json->at < json->end ? *json->at : 0; }

static int take(reader *json, uint8_t byte) {
    if (peek(json) != byte) return 0;
    json->at++;
    return 1;
}

/* Tell whether one of eight bytes is a quote, a backslash, a control or outside ASCII: whether it is to be looked at. */
static int remarkable(const uint8_t *at) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    const uint64_t quotes = word ^ (ones * '"'), slashes = word ^ (ones * '\\');
    return ((word | (word - ones * 0x20) | (quotes - ones) | (slashes - ones)) & highs) != 0;
}

/* Return the length of the UTF-8 character at `at`, a byte outside ASCII, or 0 where it is none (RFC 3629). */
static uint32_t character(const uint8_t *at, const uint8_t *end) {
    const uint8_t lead = *at;
    const uint32_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (uint64_t)(end - at) < size) return 0;
    for (uint32_t n = 1; n < size; n++)
        if ((at[n] & 0xC0) != 0x80) return 0;
    if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F)) return 0;
    if ((lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F)) return 0;
    return size;
}

static int is_hexadecimal(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static int read_escape(reader *json) {
    if (json->end - json->at < 2) return 0;
    const uint8_t *at = json->at;
    json->escaped = 1;
    if (at[1] != 'u') {
        json->at += 2;
        return at[1] != 0 && strchr("\"\\/bfnrt", at[1]) != NULL;
    }
    if (json->end - at < 6) return 0;
    for (int n = 2; n < 6; n++)
        if (!is_hexadecimal(at[n])) return 0;
    json->at += 6;
    return at[2] != 'd' && at[2] != 'D'; /* halves of pairs are left to the rule */
}

/* Pass over a string; 0 where it is none, or an unusual one. */
static int read_string(reader *json) {
    json->escaped = 0;
    if (!take(json, '"')) return 0;
    for (;;) {
        while (json->end - json->at >= 8 && !remarkable(json->at)) json->at += 8;
        if (json->at == json->end) return 0;
        const uint8_t byte = *json->at;
        if (byte == '"') {
            json->at++;
            return 1;
        }
        if (byte == '\\') {
            if (!read_escape(json)) return 0;
        } else if (byte >= 0x80) {
            const uint32_t size = character(json->at, json->end);
            if (size == 0) return 0;
            json->at += size;
        } else if (byte == '\n' || byte == '\r') {
            json->restored = 1;
            json->at++;
        } else if (byte < 0x20) {
            return 0;
        } else {
            json->at++;
        }
    }
}

static uint32_t read_digits(reader *json) {
    uint32_t count = 0;
    for (; peek(json) >= '0' && peek(json) <= '9'; json->at++) count++;
    return count;
}

/* Pass over a number; 0 where it is none, or has an exponent or many digits. */
static int read_number(reader *json) {
    take(json, '-');
    const uint8_t first = peek(json);
    const uint32_t whole = read_digits(json);
    uint32_t fraction = 0;
    if (whole == 0 || (whole > 1 && first == '0')) return 0;
    if (take(json, '.') && (fraction = read_digits(json)) == 0) return 0;
    return whole <= 18 && fraction <= 18 && peek(json) != 'e' && peek(json) != 'E';
}

static int read_word(reader *json) {
    static const char *const words[] = {"true", "false", "null"};
    for (int n = 0; n < 3; n++) {
        const size_t size = strlen(words[n]);
        if ((size_t)(json->end - json->at) >= size && memcmp(json->at, words[n], size) == 0) {
            json->at += size;
            return 1;
        }
    }
    return 0;
}

static int read_plain(reader *json) {
    const uint8_t byte = peek(json);
    if (byte == '"') return read_string(json);
    return byte == 't' || byte == 'f' || byte == 'n' ? read_word(json) : read_number(json);
}

/* Pass over a value of compact JSON; 0 where it is none, or an unusual one. */
static int read_value(reader *json) {
    uint64_t objects = 0; /* whether each of the values that are open is an object, the innermost last */
    for (uint32_t depth = 0;;) {
        const uint8_t opening = peek(json);
        if (opening == '{' || opening == '[') {
            json->at++;
            objects = objects << 1 | (opening == '{');
            if (++depth > DEPTH) return 0;
            if (!take(json, opening == '{' ? '}' : ']')) {
                if (opening == '{' && !(read_string(json) && take(json, ':'))) return 0;
                continue;
            }
            depth--;
            objects >>= 1;
        } else if (!read_plain(json)) {
            return 0;
        }
        for (; depth > 0 && take(json, objects & 1 ? '}' : ']'); depth--) objects >>= 1;
        if (depth == 0) return 1;
        if (!take(json, ',')) return 0;
        if (objects & 1 && !(read_string(json) && take(json, ':'))) return 0;
    }
}

/* Read an object and put the values that `wanted` names into `values`; 0 where it is none, or an unusual one. */
static int read_fields(reader *json, const meaning *wanted, slice *values) {
    if (!take(json, '{')) return 0;
    if (take(json, '}')) return 1;
    do {
        const uint8_t *key = json->at + 1;
        if (!read_string(json) || json->escaped) return 0;
        const uint64_t length = (uint64_t)(json->at - 1 - key);
        if (!take(json, ':')) return 0;
        slice value = {json->at, NULL, 0};
        if (!read_value(json)) return 0;
        value.end = json->at;
        value.escaped = json->escaped;
        for (uint32_t n = 0; n < wanted->fields; n++) {
            const field *one = &wanted->field[n];
            if (one->length != length || memcmp(one->key, key, length) != 0) continue;
            if (values[n].start != NULL) return 0;
            values[n] = value;
        }
    } while (take(json, ','));
    return take(json, '}');
}

/* Tell whether the context that `json` has read is all that its record says, or all that its first line does. `last` is
 * where the last text of an event ends. */
static int ends_well(const reader *json, const uint8_t *last, const uint8_t *end) {
    const uint8_t *at = json->at;
    while (at < end && (*at == ' ' || *at == '\r' || (*at == '\t' && !json->restored))) at++;
    if (at == end || *at != '\n' || last > at) return 0;
    if (json->restored)
        for (; at < end; at++)
            if (*at != ' ' && *at != '\r' && *at != '\n') return 0;
    return 1;
}

static int is_null(const slice *value) { return *value->start == 'n'; }

/* Read a number that a double holds exactly, up to a thousand million; 0 where it is another, or none. */
static int exact(const slice *value, uint8_t role, double *number) {
    static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    const uint8_t *at = value->start;
    const int negative = *at == '-';
    uint64_t digits = 0;
    uint32_t count = 0, fraction = 0, point = 0;
    for (at += negative; at < value->end; at++) {
        if (*at == '.') {
            point = 1;
            continue;
        }
        if (*at < '0' || *at > '9') return 0;
        digits = digits * 10 + (uint64_t)(*at - '0');
        count += count > 0 || *at != '0';
        fraction += point;
        if (count > DIGITS) return 0;
    }
    if (negative && (role != ABSOLUTE || digits == 0)) return 0;
    const double result = (double)digits / powers[fraction];
    if (result > 1e9) return 0;
    *number = role == THOUSANDTH ? result / 1000 : result;
    return 1;
}

/* Tell whether a value is an identifier whose text stands in the log as it is. */
static int plain_identifier(const slice *value) {
    const uint8_t first = *value->start;
    const uint64_t length = (uint64_t)(value->end - value->start);
    if (first != '"') return first >= '0' && first <= '9' && memchr(value->start, '.', length) == NULL;
    return !value->escaped && length > 2 && memchr(value->start, '\n', length) == NULL &&
           memchr(value->start, '\r', length) == NULL;
}

static void count_one(meanings *known, run *todo, const uint8_t *block, uint32_t kind, uint32_t time) {
    const uint32_t latest = known->latest[kind];
    if (latest > 0) {
        uint32_t *count = todo->count + 3 * (size_t)(latest - 1);
        if (memcmp(block + count[2], block + time, MINUTE) == 0) {
            count[1]++;
            if (memcmp(block + time, block + count[2], USUAL - 1) > 0) count[2] = time;
            return;
        }
    }
    uint32_t *count = todo->count + 3 * (size_t)todo->counts++;
    count[0] = kind;
    count[1] = 1;
    count[2] = time;
    known->latest[kind] = todo->counts;
}

static uint32_t *add_row(run *todo, uint32_t kind, const record *one, uint64_t hash) {
    uint32_t *row = todo->row + ROW * (size_t)todo->rows;
    const uint32_t head[] = {kind, one->begin, one->body, one->end, one->text, one->until};
    memset(row, 0, ROW * sizeof *row);
    memcpy(row, head, sizeof head);
    todo->hash[todo->rows++] = hash;
    return row;
}

static void show(uint32_t *row, uint32_t place, const slice *value, const uint8_t *block) {
    if (value->start == NULL) return;
    row[6 + 2 * place] = (uint32_t)(value->start - block);
    row[7 + 2 * place] = (uint32_t)(value->end - block);
}

/* Return what the labels of a meaning that varies make of it, or UNSEEN and its hash. */
static uint32_t varied(meanings *known, const meaning *found, const slice *values, uint64_t *hash) {
    uint8_t all[sizeof *hash + FIELDS * (KEY_LENGTH + 1)];
    size_t length = sizeof *hash;
    memcpy(all, hash, sizeof *hash);
    for (uint32_t n = 0; n < found->fields; n++) {
        if (found->field[n].role != LABEL) continue;
        const size_t size = values[n].start == NULL ? 0 : (size_t)(values[n].end - values[n].start);
        if (size > KEY_LENGTH || (size > 0 && (*values[n].start == '{' || *values[n].start == '['))) return OPEN;
        all[length++] = (uint8_t)size;
        if (size > 0) memcpy(all + length, values[n].start, size);
        length += size;
    }
    *hash = sip_hash(known->secret, all, length);
    const meaning *variant = slot_of(known, *hash);
    return variant->used ? variant->kind : UNSEEN;
}

/* Count a record of which `values` were read. Returns 0 where they are to be judged by the rule. */
static int count_fields(meanings *known, run *todo, const uint8_t *block, const record *one, const meaning *found,
                        const slice *values) {
    double numbers[FIELDS];
    const slice *identifier = NULL;
    for (uint32_t n = 0; n < found->fields; n++) {
        const uint8_t role = found->field[n].role;
        if (role == LABEL) continue;
        if (values[n].start == NULL) return 0;
        if (is_null(&values[n])) {
            if (role != IDENTIFIER && found->kind == VARIES) return 0;
        } else if (role != IDENTIFIER) {
            if (!exact(&values[n], role, &numbers[n])) return 0;
        } else if (plain_identifier(&values[n])) {
            identifier = &values[n];
        } else {
            return 0;
        }
    }
    uint64_t hash = found->hash;
    const uint32_t kind = found->kind == VARIES ? varied(known, found, values, &hash) : found->kind;
    if (kind == OPEN) return 0;
    if (kind == UNSEEN) {
        add_row(todo, UNSEEN, one, hash);
        return 1;
    }
    count_one(known, todo, block, kind, one->begin + 1);
    for (uint32_t n = 0; n < found->fields; n++) {
        const uint8_t role = found->field[n].role;
        if (role == LABEL || role == IDENTIFIER || is_null(&values[n])) continue;
        todo->number_of[todo->numbers] = kind * FIELDS + n;
        todo->number[todo->numbers++] = numbers[n];
    }
    if (identifier != NULL) {
        const uint32_t quoted = *identifier->start == '"';
        const uint32_t incident[] = {kind, one->begin + 1, (uint32_t)(identifier->start - block) + quoted,
                                     (uint32_t)(identifier->end - block) - quoted, todo->rows};
        memcpy(todo->incident + INCIDENT * (size_t)todo->incidents++, incident, sizeof incident);
    }
    return 1;
}

/* Put the numbers of texts into `all`, each once; return the length then, or 0 where they are many. */
static uint32_t put_numbers(const uint32_t *numbers, uint32_t count, uint8_t *all, uint32_t length) {
    const uint32_t begun = length;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t at = begun;
        while (at < length && memcmp(all + at, &numbers[n], 4) != 0) at += 4;
        if (at < length) continue;
        if (length - begun == 4 * TEXTS) return 0;
        memcpy(all + length, &numbers[n], 4);
        length += 4;
    }
    return length;
}

/* Hash a record's beginning and the texts in it, of which those before `inside` stand in its message. 0 where it is long,
 * or they are many. */
static int hash_beginning(const meanings *known, const run *todo, const uint8_t *block, const record *one, uint32_t inside,
                          uint64_t *hash) {
    uint8_t all[BEGINNING + 2 * 4 * TEXTS + 8];
    const uint32_t start = one->begin + USUAL + 2, stop = inside > one->text ? todo->text_ends[inside - 1] : one->body;
    if (stop - start > BEGINNING) return 0;
    const uint32_t size = stop - start;
    memcpy(all, block + start, size);
    const uint32_t within = put_numbers(todo->text_numbers + one->text, inside - one->text, all, size);
    const uint32_t length = within == 0 ? 0 : put_numbers(todo->text_numbers + inside, one->until - inside, all, within);
    if (length == 0) return 0;
    memcpy(all + length, (uint32_t[]){size, within}, 8);
    *hash = sip_hash(known->secret, all, length + 8);
    return 1;
}

/* Return where the message of a record ends for what its first line tells: there, or before a bracket; 0 without a line. */
static uint32_t message_end(const uint8_t *block, const record *one) {
    const uint8_t *line = memchr(block + one->body, '\n', one->end - one->body);
    if (line == NULL) return 0;
    const uint32_t stop = (uint32_t)(line - block);
    for (uint32_t at = one->body; at + 1 < stop; at++)
        if (block[at] == ' ' && (block[at + 1] == '{' || block[at + 1] == '[')) return at;
    return stop;
}

/* Take one record. Returns 0 where it is to be judged by the rule. */
static int take_record(meanings *known, run *todo, const uint8_t *block, const record *one) {
    if (one->end < one->body || one->body - one->begin < USUAL + 2) return 0;
    if (block[one->begin + USUAL] != ']' || block[one->begin + 18] > '5') return 0;
    const uint32_t message = message_end(block, one);
    if (message == 0 || todo->text_ends[one->text] < one->body) return 0;
    uint32_t inside = one->text;
    while (inside < one->until && todo->text_ends[inside] <= message) inside++;
    const int beyond = inside < one->until, line = block[message] == '\n';
    uint64_t hash;
    if ((beyond && line) || !hash_beginning(known, todo, block, one, inside, &hash)) return 0;
    const meaning *found = slot_of(known, hash);
    if (!found->used) {
        add_row(todo, UNKNOWN, one, hash);
        return 1;
    }
    slice values[FIELDS] = {{NULL, NULL, 0}};
    if (beyond || found->fields > 0) {
        reader json = {block + message + 1, block + one->end, 0, 0};
        if (line || !read_fields(&json, found, values)) return 0;
        if (!ends_well(&json, block + todo->text_ends[one->until - 1], block + one->end)) return 0;
    }
    if (found->mode == NOTHING) return 1;
    if (found->mode == COUNT) return count_fields(known, todo, block, one, found, values);
    uint32_t *row = add_row(todo, found->kind, one, 0);
    for (uint32_t n = 0; n < found->fields; n++) show(row, n, &values[n], block);
    return 1;
}

static uint32_t bracket(const uint8_t *block, uint32_t header_end) {
    uint32_t at = header_end;
    for (uint32_t left = header_end < SPAN ? header_end : SPAN; left > 0; left--)
        if (block[--at] == '[') break;
    return at;
}

/* Take the records of a run in which a text of an event stands. Returns which text comes next. */
API uint32_t native_run(meanings *known, const uint8_t *block, run *todo) {
    todo->rows = todo->counts = todo->incidents = todo->numbers = 0;
    memset(known->latest, 0, sizeof known->latest);
    const uint32_t *headers = todo->header_ends, *ends = todo->text_ends;
    uint32_t at = todo->text, opened = todo->first, begin = todo->begin;
    for (uint32_t number = todo->first; number < todo->last && at < todo->texts && ends[at] < headers[todo->last];) {
        while (number + 1 < todo->last && headers[number + 1] <= ends[at]) number++;
        if (number != opened) begin = bracket(block, headers[number]);
        record one = {begin, headers[number], bracket(block, headers[number + 1]), at, at};
        while (one.until < todo->texts && ends[one.until] <= one.end) one.until++;
        if (one.until > at && !take_record(known, todo, block, &one)) add_row(todo, OPEN, &one, 0);
        at = one.until;
        begin = one.end;
        opened = ++number;
    }
    return at;
}
