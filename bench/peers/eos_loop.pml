/* The benchmark model "eos-loop" for SPIN: N messages, P processors, C crashes, G group generations.
   spin -DN=2 -DP=2 -DC=1 -DG=2 -a eos_loop.pml

   One process, since each action is one atomic step; every option of the loop is an action of processor p. Fields of a
   processor share a word, so that the state vector is small. */
#define LENGTH (2 * (N + C + G))

#define DOWN 0
#define POLL 1
#define JOIN 2
#define FETCH 3
#define BEGIN 4
#define PRODUCE 5
#define EXTERNAL 6
#define OFFSETS 7
#define END 8
#define ABORT 9

#define EMPTY 0
#define COMMITTED 1
#define ABORTED 2
#define ONGOING 3
#define COMMITTING 4
#define ABORTING 5

typedef Processor {
  unsigned pc : 4;
  unsigned ep : 3;      /* epoch that the client has */
  unsigned cep : 3;     /* epoch that the coordinator has */
  unsigned gen : 3;
  unsigned pos : 3;
  unsigned tx : 3;
  unsigned mo : 1;      /* the marker in the output is owed */
  unsigned mf : 1;      /* the marker in the offsets is owed */
  unsigned pend : 3;
  unsigned first : 5
}

Processor p[P];
byte gen, crashes, committed, length, rpos;
byte out[LENGTH]; /* pid * 64 + epoch * 8 + message, 0 a commit marker, 7 an abort marker */
byte seen[N], ext[N], cnt[N];
byte i, r; /* 0 between steps */

#define MESSAGE(x) ((x) & 7)
#define OWNER(x) ((x) >> 6)
#define MARKER(x) (MESSAGE(x) == 0 || MESSAGE(x) == 7)
#define MORE(x) x = (x < 2 -> x + 1 : 2)

#define STABLE(q) (p[q].first == 0 || rpos + 1 < p[q].first)
#define COUNTED(q, m) (p[q].tx == COMMITTING && p[q].mo && MESSAGE(out[p[q].first - 1]) == m)
#define PENDING(q, m) (p[q].tx == COMMITTING && p[q].mf && p[q].pend == m)
#if P == 1
#define ALL_STABLE STABLE(0)
#define NONE_PENDING (p[0].pend == 0)
#define SOME_COUNTED(m) COUNTED(0, m)
#define SOME_PENDING(m) PENDING(0, m)
#elif P == 2
#define ALL_STABLE (STABLE(0) && STABLE(1))
#define NONE_PENDING (p[0].pend == 0 && p[1].pend == 0)
#define SOME_COUNTED(m) (COUNTED(0, m) || COUNTED(1, m))
#define SOME_PENDING(m) (PENDING(0, m) || PENDING(1, m))
#else
#define ALL_STABLE (STABLE(0) && STABLE(1) && STABLE(2))
#define NONE_PENDING (p[0].pend == 0 && p[1].pend == 0 && p[2].pend == 0)
#define SOME_COUNTED(m) (COUNTED(0, m) || COUNTED(1, m) || COUNTED(2, m))
#define SOME_PENDING(m) (PENDING(0, m) || PENDING(1, m) || PENDING(2, m))
#endif

#define RIGHT(m) \
  ((m <= committed && (cnt[m - 1] == 1 || (cnt[m - 1] == 0 && SOME_COUNTED(m)))) || \
   (m > committed && (cnt[m - 1] == 0 || (cnt[m - 1] == 1 && SOME_PENDING(m)))))
#define CONSISTENT i = 1; do :: i <= N -> assert(RIGHT(i)); i++ :: else -> break od; i = 0

#define PREPARE(q, t) p[q].tx = t; p[q].mo = 1; p[q].mf = 1
#define LEAVE(q) p[q].gen = 0; p[q].pos = 0; p[q].pc = JOIN
#define APPEND(q, e, m) out[length] = (q << 6) + (e << 3) + (m); length++
#define MAY_END(q) (p[q].tx == ONGOING && p[q].ep == p[q].cep)

#define ACTIONS(q) \
  :: d_step { p[q].pc == DOWN && p[q].tx < ONGOING -> \
       p[q].cep = p[q].cep + 1; p[q].ep = p[q].cep; p[q].tx = EMPTY; p[q].pc = JOIN } \
  :: d_step { p[q].pc == DOWN && p[q].tx == ONGOING -> p[q].cep = p[q].cep + 1; PREPARE(q, ABORTING) } \
  :: d_step { p[q].pc == JOIN && gen < G -> gen++; p[q].gen = gen; p[q].pc = FETCH } \
  :: d_step { p[q].pc == FETCH && p[q].gen == gen && NONE_PENDING -> p[q].pos = committed; p[q].pc = POLL } \
  :: d_step { p[q].pc == FETCH && p[q].gen != gen -> p[q].gen = 0; p[q].pc = JOIN } \
  :: d_step { p[q].pc == POLL && p[q].pos < N -> p[q].pos = p[q].pos + 1; p[q].pc = BEGIN } \
  :: d_step { p[q].pc == POLL && p[q].gen != gen -> LEAVE(q) } \
  :: d_step { p[q].pc == BEGIN -> p[q].pc = PRODUCE } \
  :: d_step { p[q].pc == PRODUCE && p[q].ep == p[q].cep && p[q].tx < ONGOING -> \
       p[q].tx = ONGOING; APPEND(q, p[q].ep, p[q].pos); p[q].first = length; p[q].pc = EXTERNAL } \
  :: d_step { p[q].pc == EXTERNAL -> MORE(ext[p[q].pos - 1]); p[q].pc = OFFSETS } \
  :: d_step { p[q].pc == OFFSETS && p[q].gen == gen -> p[q].pend = p[q].pos; p[q].pc = END } \
  :: d_step { p[q].pc == OFFSETS && p[q].gen != gen -> p[q].pc = ABORT } \
  :: d_step { p[q].pc == END && MAY_END(q) -> PREPARE(q, COMMITTING); p[q].pc = POLL } \
  :: d_step { p[q].pc == END && MAY_END(q) -> PREPARE(q, COMMITTING) } \
  :: d_step { p[q].pc == END && p[q].tx == COMMITTED -> p[q].pc = POLL } \
  :: d_step { p[q].pc == ABORT && MAY_END(q) -> PREPARE(q, ABORTING); LEAVE(q) } \
  :: d_step { p[q].pc == ABORT && MAY_END(q) -> PREPARE(q, ABORTING) } \
  :: d_step { p[q].pc == ABORT && p[q].tx == ABORTED -> LEAVE(q) } \
  :: d_step { p[q].tx > ONGOING && p[q].mo -> \
       if :: p[q].tx == COMMITTING -> \
             r = MESSAGE(out[p[q].first - 1]) - 1; MORE(cnt[r]); r = 0; APPEND(q, p[q].cep, 0) \
          :: else -> APPEND(q, p[q].cep, 7) fi; \
       p[q].mo = 0; p[q].first = 0; CONSISTENT } \
  :: d_step { p[q].tx > ONGOING && p[q].mf -> \
       if :: p[q].tx == COMMITTING -> committed = p[q].pend :: else fi; \
       p[q].pend = 0; p[q].mf = 0; CONSISTENT } \
  :: d_step { p[q].tx > ONGOING && !p[q].mo && !p[q].mf -> \
       p[q].tx = (p[q].tx == COMMITTING -> COMMITTED : ABORTED) } \
  :: d_step { p[q].pc != DOWN && crashes < C -> \
       crashes++; p[q].pc = DOWN; p[q].ep = 0; p[q].gen = 0; p[q].pos = 0 }

active proctype loop() {
end:
  do
  ACTIONS(0)
#if P > 1
  ACTIONS(1)
#endif
#if P > 2
  ACTIONS(2)
#endif
  :: d_step { rpos < length && ALL_STABLE ->
       r = out[rpos];
       if :: !MARKER(r) ->
             i = rpos + 1;
             do :: OWNER(out[i]) == OWNER(r) && MARKER(out[i]) -> break :: else -> i++ od;
             if :: MESSAGE(out[i]) == 0 -> MORE(seen[MESSAGE(r) - 1]); assert(seen[MESSAGE(r) - 1] <= 1) :: else fi
          :: else fi;
       i = 0; r = 0; rpos++ }
  od
}
