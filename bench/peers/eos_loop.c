/* The benchmark model "eos-loop" by hand: breadth-first search with full states, for N messages, P processors, C crashes
   and G group generations.

   gcc -O3 -march=native -pthread -DN=4 -DP=2 -DC=2 -DG=2 -o eos_loop eos_loop.c
   ./eos_loop THREADS LOG2_OF_SLOTS

   A state is a few words: one of what is shared, one for each two processors, the output as bytes. The table holds the
   states themselves, so that a look-up touches one place; that place is fetched while the states before it are looked
   up. It does not grow: too few slots end it. Properties are checked of every new state. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define LENGTH (2 * (N + C + G))
#define PAIRS ((P + 1) / 2)
#define WORDS (1 + PAIRS + (LENGTH + 7) / 8)
#define MOST_THREADS 16

typedef uint64_t word;
typedef union {
  word words[WORDS];
  struct {
    word shared;
    uint32_t processor[2 * PAIRS];
    uint8_t out[WORDS * 8 - 8 - 8 * PAIRS];
  };
} State;

/* Fields: first bit, number of bits. Those of `shared` first. */
#define GEN 0, 3
#define CRASHES 3, 2
#define COMMITTED 5, 3
#define RPOS 8, 5
#define OUT 13, 5
#define SEEN(m) (16 + 2 * (m)), 2
#define EXT(m) (28 + 2 * (m)), 2
#define CNT(m) (40 + 2 * (m)), 2
#define TAKEN 63, 1
#define PC 0, 4
#define EP 4, 3
#define CEP 7, 3
#define OWN 10, 3
#define POS 13, 3
#define TX 16, 3
#define MO 19, 1
#define MF 20, 1
#define PEND 21, 3
#define FIRST 24, 5
#define BITS(x, at, width) (unsigned)((x) >> (at) & ((1u << (width)) - 1))
#define GET_(...) BITS(__VA_ARGS__)
#define GET(x, field) GET_(x, field)
#define SET(x, at, width, value) \
  ((x) = ((x) & ~((__typeof__(x))((1u << (width)) - 1) << (at))) | (__typeof__(x))(value) << (at))
#define PUT_(...) SET(__VA_ARGS__)
#define PUT(x, field, value) PUT_(x, field, value)

enum { DOWN, JOIN, FETCH, POLL, BEGIN, PRODUCE, EXTERNAL, OFFSETS, END, ABORT };
enum { EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT, ONGOING, PREPARE_COMMIT, PREPARE_ABORT };
enum { COMMIT_MARKER = 0, ABORT_MARKER = 7 };

#define BATCH 32
typedef struct {
  State *next; /* the new states of the next level */
  word found, generated, wrong, states;
  int waiting;
  State batch[BATCH];
  word slot[BATCH];
} __attribute__((aligned(128))) Worker;

static State *table;
static word mask;
static int threads;
static Worker workers[MOST_THREADS];
static State *level[MOST_THREADS];
static word widths[MOST_THREADS], taken, depth = 1;
static int over;
static pthread_barrier_t barrier;

static inline word mix(word a, word b) {
  __uint128_t product = (__uint128_t)a * b;
  return (word)product ^ (word)(product >> 64);
}

static inline word hash(const State *s) {
  word h = 0x9e3779b97f4a7c15;
  for (int k = 0; k < WORDS; k += 2)
    h = mix(s->words[k] ^ h, (k + 1 < WORDS ? s->words[k + 1] : 0) ^ 0xe7037ed1a0b428db) + h * 0x9fb21c651e98df25;
  h ^= h >> 32;
  h *= 0x9fb21c651e98df25;
  return h ^ h >> 29;
}

static inline int same(const State *a, const State *b) {
  word differs = 0;
  for (int k = 1; k < WORDS; k++) differs |= a->words[k] ^ b->words[k];
  return !differs;
}

/* Whether the state is new. The first word of a slot is 0 while it is free, 1 while somebody fills it. */
static inline int insert(const State *s, word slot) {
  for (word tries = 0;; slot = (slot + 1) & mask) {
    State *place = table + slot;
    if (tries++ > mask) { fprintf(stderr, "the table is full\n"); exit(3); }
    word first = __atomic_load_n(&place->shared, __ATOMIC_ACQUIRE);
    if (!first) {
      if (threads == 1) { *place = *s; return 1; }
      if (__atomic_compare_exchange_n(&place->shared, &first, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        memcpy(place->words + 1, s->words + 1, sizeof *s - 8);
        __atomic_store_n(&place->shared, s->shared, __ATOMIC_RELEASE);
        return 1;
      }
    }
    while (first == 1) first = __atomic_load_n(&place->shared, __ATOMIC_ACQUIRE);
    if (first == s->shared && same(place, s)) return 0;
  }
}

static inline int right(const State *s) {
  int good = 1;
  unsigned committed = GET(s->shared, COMMITTED);
  for (unsigned m = 1; m <= N; m++) {
    unsigned count = GET(s->shared, CNT(m)), counted = 0, pending = 0;
    for (int p = 0; p < P; p++) {
      uint32_t x = s->processor[p];
      if (GET(x, TX) != PREPARE_COMMIT) continue;
      counted |= GET(x, MO) && (s->out[GET(x, FIRST) - 1] & 7) == m;
      pending |= GET(x, MF) && GET(x, PEND) == m;
    }
    good &= GET(s->shared, SEEN(m)) < 2;
    good &= m <= committed ? count == 1 || (count == 0 && counted) : count == 0 || (count == 1 && pending);
  }
  return good;
}

static void look_up(Worker *w) {
  for (int k = 0; k < w->waiting; k++)
    if (insert(w->batch + k, w->slot[k])) {
      w->wrong += !right(w->batch + k);
      w->next[w->found++] = w->batch[k];
    }
  w->waiting = 0;
}

static inline void emit(Worker *w, const State *s) {
  int k = w->waiting++;
  w->batch[k] = *s;
  w->slot[k] = hash(s) & mask;
  __builtin_prefetch(table + w->slot[k], 1);
  w->generated++;
  if (w->waiting == BATCH) look_up(w);
}

#define STEP(changes) \
  do { \
    State after = *s; \
    uint32_t y = x; \
    changes; \
    after.processor[p] = y; \
    emit(w, &after); \
  } while (0)
#define PREPARE(state) PUT(y, TX, state), PUT(y, MO, 1), PUT(y, MF, 1)
#define LEAVE PUT(y, OWN, 0), PUT(y, POS, 0), PUT(y, PC, JOIN)
#define APPEND(epoch, what) after.out[length] = (uint8_t)(p << 6 | (epoch) << 3 | (what)), PUT(after.shared, OUT, length + 1)
#define ONE_MORE(...) \
  PUT_(after.shared, __VA_ARGS__, GET_(after.shared, __VA_ARGS__) < 2 ? GET_(after.shared, __VA_ARGS__) + 1 : 2)

static inline void expand_processor(Worker *w, const State *s, int p) {
  uint32_t x = s->processor[p];
  unsigned gen = GET(s->shared, GEN), length = GET(s->shared, OUT), tx = GET(x, TX), pos = GET(x, POS), pc = GET(x, PC);
  int may_end = tx == ONGOING && GET(x, EP) == GET(x, CEP);
  switch (pc) {
    case DOWN:
      if (tx < ONGOING)
        STEP(PUT(y, CEP, GET(x, CEP) + 1); PUT(y, EP, GET(y, CEP)); PUT(y, TX, EMPTY); PUT(y, PC, JOIN));
      else if (tx == ONGOING)
        STEP(PUT(y, CEP, GET(x, CEP) + 1); PREPARE(PREPARE_ABORT));
      break;
    case JOIN:
      if (gen < G) STEP(PUT(after.shared, GEN, gen + 1); PUT(y, OWN, gen + 1); PUT(y, PC, FETCH));
      break;
    case FETCH:
      if (GET(x, OWN) != gen) STEP(PUT(y, OWN, 0); PUT(y, PC, JOIN));
      else {
        unsigned pending = 0;
        for (int q = 0; q < P; q++) pending |= GET(s->processor[q], PEND);
        if (!pending) STEP(PUT(y, POS, GET(s->shared, COMMITTED)); PUT(y, PC, POLL));
      }
      break;
    case POLL:
      if (pos < N) STEP(PUT(y, POS, pos + 1); PUT(y, PC, BEGIN));
      if (GET(x, OWN) != gen) STEP(LEAVE);
      break;
    case BEGIN:
      STEP(PUT(y, PC, PRODUCE));
      break;
    case PRODUCE:
      if (GET(x, EP) == GET(x, CEP) && tx < ONGOING)
        STEP(PUT(y, TX, ONGOING); APPEND(GET(x, EP), pos); PUT(y, FIRST, length + 1); PUT(y, PC, EXTERNAL));
      break;
    case EXTERNAL:
      STEP(ONE_MORE(EXT(pos)); PUT(y, PC, OFFSETS));
      break;
    case OFFSETS:
      if (GET(x, OWN) == gen) STEP(PUT(y, PEND, pos); PUT(y, PC, END));
      else STEP(PUT(y, PC, ABORT));
      break;
    case END:
      if (may_end) {
        STEP(PREPARE(PREPARE_COMMIT); PUT(y, PC, POLL));
        STEP(PREPARE(PREPARE_COMMIT));
      } else if (tx == COMPLETE_COMMIT) STEP(PUT(y, PC, POLL));
      break;
    case ABORT:
      if (may_end) {
        STEP(PREPARE(PREPARE_ABORT); LEAVE);
        STEP(PREPARE(PREPARE_ABORT));
      } else if (tx == COMPLETE_ABORT) STEP(LEAVE);
      break;
  }
  if (tx >= PREPARE_COMMIT) {
    int commits = tx == PREPARE_COMMIT;
    if (GET(x, MO)) {
      unsigned message = s->out[GET(x, FIRST) - 1] & 7;
      STEP(if (commits) ONE_MORE(CNT(message)); APPEND(GET(x, CEP), commits ? COMMIT_MARKER : ABORT_MARKER);
           PUT(y, MO, 0); PUT(y, FIRST, 0));
    }
    if (GET(x, MF)) STEP(if (commits) PUT(after.shared, COMMITTED, GET(x, PEND)); PUT(y, PEND, 0); PUT(y, MF, 0));
    if (!GET(x, MO) && !GET(x, MF)) STEP(PUT(y, TX, commits ? COMPLETE_COMMIT : COMPLETE_ABORT));
  }
  if (pc != DOWN && GET(s->shared, CRASHES) < C)
    STEP(PUT(after.shared, CRASHES, GET(s->shared, CRASHES) + 1); PUT(y, PC, DOWN); PUT(y, EP, 0); PUT(y, OWN, 0);
         PUT(y, POS, 0));
}

static inline int is_marker(uint8_t record) { return (record & 7) == COMMIT_MARKER || (record & 7) == ABORT_MARKER; }

static inline void expand(Worker *w, const State *s) {
  unsigned rpos = GET(s->shared, RPOS), stable = GET(s->shared, OUT);
  for (int p = 0; p < P; p++) {
    unsigned first = GET(s->processor[p], FIRST);
    if (first && first - 1 < stable) stable = first - 1;
    expand_processor(w, s, p);
  }
  if (rpos >= stable) return;
  State after = *s;
  uint8_t record = s->out[rpos];
  PUT(after.shared, RPOS, rpos + 1);
  if (!is_marker(record)) {
    unsigned i = rpos + 1;
    while (s->out[i] >> 6 != record >> 6 || !is_marker(s->out[i])) i++;
    if ((s->out[i] & 7) == COMMIT_MARKER) ONE_MORE(SEEN(record & 7));
  }
  emit(w, &after);
}

static void *work(void *which) {
  Worker *w = workers + (intptr_t)which;
  while (!over) {
    word total = 0;
    for (int t = 0; t < threads; t++) total += widths[t];
    for (;;) {
      word at = threads == 1 ? taken : __atomic_fetch_add(&taken, 512, __ATOMIC_RELAXED);
      if (at >= total) break;
      word until = threads == 1 || at + 512 > total ? total : at + 512;
      if (threads == 1) taken = until;
      int t = 0;
      word begin = 0;
      for (; at < until; at++) {
        while (at - begin >= widths[t]) begin += widths[t++];
        expand(w, level[t] + (at - begin));
      }
    }
    look_up(w);
    if (threads > 1) pthread_barrier_wait(&barrier);
    if (w == workers) {
      word more = 0;
      taken = 0;
      for (int t = 0; t < threads; t++) {
        State *expanded = level[t];
        level[t] = workers[t].next;
        workers[t].next = expanded;
        widths[t] = workers[t].found;
        workers[t].states += widths[t];
        workers[t].found = 0;
        more += widths[t];
      }
      if (more) depth++;
      else over = 1;
    }
    if (threads > 1) pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static void *memory(size_t size) {
  void *found = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (found == MAP_FAILED) { perror("mmap"); exit(2); }
  madvise(found, size, MADV_HUGEPAGE);
  return found;
}

int main(int count, char **words) {
  threads = count > 1 ? atoi(words[1]) : 1;
  word slots = 1ull << (count > 2 ? atoi(words[2]) : 24);
  if (threads < 1 || threads > MOST_THREADS) return 2;
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  mask = slots - 1;
  table = memory(slots * sizeof(State));
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  for (int t = 0; t < threads; t++) {
    level[t] = memory(slots * sizeof(State));
    workers[t].next = memory(slots * sizeof(State));
  }
  State initial;
  memset(&initial, 0, sizeof initial);
  PUT(initial.shared, TAKEN, 1);
  insert(&initial, hash(&initial) & mask);
  level[0][0] = initial;
  widths[0] = 1;
  pthread_t others[MOST_THREADS];
  for (intptr_t t = 1; t < threads; t++) pthread_create(others + t, NULL, work, (void *)t);
  work((void *)0);
  for (int t = 1; t < threads; t++) pthread_join(others[t], NULL);
  word states = 1, transitions = 0, wrong = 0;
  for (int t = 0; t < threads; t++)
    states += workers[t].states, transitions += workers[t].generated, wrong += workers[t].wrong;
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"states\": %lu, \"transitions\": %lu, \"depth\": %lu, \"wrong\": %lu, \"seconds\": %.3f, \"bytes_per_state\": %.1f}\n",
         states, transitions, depth, wrong, seconds, 1024.0 * (double)usage.ru_maxrss / (double)states);
  return 0;
}
