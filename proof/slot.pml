/*
 * A slot's sequence count (engine/record.h), under the memory model of C11 and not of one machine.
 *
 * One writer stores, so all stores have one order: the log. A load may return any store to its place
 * from the one that the reader knows of on, however old; an acquire load of a release store makes
 * known all that stands before it. That is all that release and acquire promise, so a reader here may
 * be as far behind as any processor lets it.
 *
 * A record is two words of the slot and, when the second says so, one of the rest. Each store has the
 * number of its record for a value, so a record is torn when its values differ.
 */
#define WRITES  3 /* records that are written, one after another, to the one slot */
#define READS   2 /* of each reader */
#define READERS 2

/* Places. Kept apart from the log: what a relaxed store or load would make of each. */
#define SEQ       0
#define FIRST     1
#define BITS      2
#define REST      3
#define PLACES    4
#define PER_WRITE 5
#define LOG       15 /* WRITES * PER_WRITE */

#define HAS_REST(n) ((n) % 2 == 0)

byte place[LOG];
byte value[LOG];
bool release[LOG];
byte n_stores = PER_WRITE; /* the tag was set behind the first record, so that is known to all */

inline store(at, what, is_release)
{
    place[n] = at;
    value[n] = what;
    release[n] = is_release;
    n++
}

/* toa_slot_write, for records 0, 1, 2, ... of which the even ones have a rest. */
inline log_write(record)
{
    store(SEQ, 2 * record + 1, false);
    store(FIRST, record, true);
    store(BITS, record, true);
    if
    :: HAS_REST(record) -> store(REST, record, true)
    :: else -> store(PLACES, 0, true) /* nowhere */
    fi;
    store(SEQ, 2 * record + 2, true)
}

/* Nothing in the log depends on the readers, so it is there from the start, and grows by n_stores. */
active proctype writer()
{
    do
    :: n_stores < LOG -> n_stores++
    :: else -> break
    od
}

/* A load of `at`: any store from the last one that is known of on. */
inline load(at, out, is_acquire)
{
    atomic {
        i = read[at];
        k = i + 1;
        do
        :: k <= known -> if :: place[k] == at -> i = k :: else fi; k++
        :: else -> break
        od;
        k = i + 1;
        do
        :: k < n_stores && place[k] == at -> if :: i = k :: skip fi; k++
        :: k < n_stores && place[k] != at -> k++
        :: else -> break
        od;
        read[at] = i;
        out = value[i];
        if
        :: is_acquire && release[i] && i > known -> known = i
        :: else
        fi;
        k = 0;
        i = 0
    }
}

/* toa_slot_copy */
proctype reader()
{
    byte known = PER_WRITE - 1;
    byte read[PLACES];
    byte i, k, before, behind, first, bits, rest, latest, n_reads;

    read[SEQ] = 4;
    read[FIRST] = 1;
    read[BITS] = 2;
    read[REST] = 3;
    do
    :: n_reads < READS ->
       load(SEQ, before, true);
       load(FIRST, first, true);
       load(BITS, bits, true);
       rest = bits;
       if
       :: HAS_REST(bits) -> load(REST, rest, true)
       :: else
       fi;
       load(SEQ, behind, false);
       if
       :: before != behind || before % 2 != 0 -> skip /* again */
       :: else ->
          assert(first == bits && bits == rest); /* whole */
          assert(before == 2 * bits + 2);        /* the one that the count names */
          assert(bits >= latest);                /* not older than the last one */
          latest = bits;
          n_reads++
       fi;
       before = 0; behind = 0; first = 0; bits = 0; rest = 0 /* so that fewer states differ */
    :: else -> break
    od
}

init
{
    byte n, record;
    d_step {
        do
        :: record < WRITES -> log_write(record); record++
        :: else -> break
        od;
        record = 0;
        n = 0
    }
    atomic {
        do
        :: record < READERS -> run reader(); record++
        :: else -> break
        od
    }
}
