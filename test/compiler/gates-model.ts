/**
 * The protocol of gates as a model, and a search through all that can happen: every order of steps, answers that are
 * lost after the call was carried out (it is then repeated), waits that are begun anew with another token (a retry, a
 * redrive). Updates of one item happen one after another, as DynamoDB has it; nothing is read but what an update gives.
 */

/** What the item holds. */
interface Item {
  /** Bit set of producers that have ended; a flag's is 1. */
  readonly arrived: number;
  /** Tokens of waits, in the order in which they came; a latch keeps the last alone. */
  readonly waiting: readonly number[];
}

/** A consumer: about to wait, waiting with its token, or past the gate. */
type Consumer = { readonly at: 'before' | 'past' } | { readonly at: 'waiting'; readonly token: number };

/**
 * A producer: its work, then the steps by which it opens the gate, then the sends that are left. `told` is what its
 * update gave it.
 */
interface Producer {
  readonly at: 'work' | 'open' | 'take' | 'send' | 'ended';
  readonly told: readonly number[];
}

interface State {
  readonly item: Item;
  readonly consumers: readonly Consumer[];
  readonly producers: readonly Producer[];
  readonly nextToken: number;
  readonly losses: number;
  readonly anew: number;
}

export interface Protocol {
  readonly kind: 'latch' | 'flag';
  /** By a job's function in one update, or by states that look first whether somebody waits. */
  readonly openedBy: 'function' | 'states';
  /** A mistake to be found: nobody is told, or the tokens are taken away with the answer. */
  readonly broken?: 'nobody sends' | 'tokens are removed';
}

export interface Findings {
  /** States that were looked at. */
  readonly states: number;
  /** A consumer was past the gate before a producer had ended. */
  readonly early: boolean;
  /** Nothing could happen any more and a consumer still waited. */
  readonly stuck: boolean;
}

const bitsOf = (set: number): number => (set === 0 ? 0 : (set & 1) + bitsOf(set >>> 1));

/** Looks at everything that can happen with so many producers, consumers, lost answers and waits begun anew. */
export function search(
  protocol: Protocol,
  size: { readonly producers: number; readonly consumers: number; readonly losses: number; readonly anew: number },
): Findings {
  const start: State = {
    item: { arrived: 0, waiting: [] },
    consumers: Array.from({ length: size.consumers }, () => ({ at: 'before' as const })),
    producers: Array.from({ length: size.producers }, () => ({ at: 'work' as const, told: [] })),
    nextToken: 1,
    losses: size.losses,
    anew: size.anew,
  };
  const seen = new Set<string>();
  const open: State[] = [start];
  let early = false;
  let stuck = false;
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const key = JSON.stringify(state);
    if (seen.has(key)) continue;
    seen.add(key);
    const allWorked = state.producers.every(({ at }) => at !== 'work');
    const isPast = (consumer: Consumer) => consumer.at === 'past';
    if (!allWorked && state.consumers.some(isPast)) early = true;
    const next = successors(protocol, state);
    // A wait that is begun anew is no way out: nobody promises that it is.
    const goesOn = next.some(({ anew }) => anew === state.anew);
    if (!goesOn && !state.consumers.every(isPast)) stuck = true;
    open.push(...next);
  }
  return { states: seen.size, early, stuck };
}

function successors(protocol: Protocol, state: State): readonly State[] {
  return [
    ...state.consumers.flatMap((consumer, index) => consumerSteps(protocol, state, consumer, index)),
    ...state.producers.flatMap((producer, index) => producerSteps(protocol, state, producer, index)),
  ];
}

function replaced<T>(list: readonly T[], index: number, value: T): readonly T[] {
  return list.map((one, place) => (place === index ? value : one));
}

function consumerSteps(protocol: Protocol, state: State, consumer: Consumer, index: number): readonly State[] {
  const moved = (to: Consumer): readonly Consumer[] => replaced(state.consumers, index, to);
  if (consumer.at === 'past') return [];
  const wait = (from: State): State => {
    const isOpen = bitsOf(from.item.arrived) >= (protocol.kind === 'flag' ? 1 : from.producers.length);
    if (isOpen) return { ...from, consumers: moved({ at: 'past' }) };
    const token = from.nextToken;
    const waiting = protocol.kind === 'flag' ? [...from.item.waiting, token] : [token];
    return {
      ...from,
      item: { ...from.item, waiting },
      consumers: moved({ at: 'waiting', token }),
      nextToken: token + 1,
    };
  };
  if (consumer.at === 'before') return [wait(state)];
  return state.anew === 0 ? [] : [wait({ ...state, anew: state.anew - 1 })];
}

function producerSteps(protocol: Protocol, state: State, producer: Producer, index: number): readonly State[] {
  const moved = (to: Producer, rest: Partial<State> = {}): State => ({
    ...state,
    ...rest,
    producers: replaced(state.producers, index, to),
  });
  const { item } = state;
  const bit = protocol.kind === 'flag' ? 1 : 1 << index;
  const all = protocol.kind === 'flag' ? 1 : state.producers.length;
  const arrived = item.arrived | bit;
  /** The update was carried out; its answer came, or was lost and the step is taken again. */
  const answered = (after: Item, to: Producer): readonly State[] => [
    moved(to, { item: after }),
    ...(state.losses === 0 ? [] : [moved(producer, { item: after, losses: state.losses - 1 })]),
  ];
  const full: Producer = {
    at: 'send',
    told: protocol.broken !== 'nobody sends' && bitsOf(arrived) >= all ? item.waiting : [],
  };
  const after: Item = { arrived, waiting: protocol.broken === 'tokens are removed' ? [] : item.waiting };
  switch (producer.at) {
    case 'work':
      return [moved({ at: 'open', told: [] })];
    case 'open': {
      if (protocol.openedBy === 'function') return answered(after, full);
      // Fails exactly for the one that completes the set while somebody waits.
      const completes = bitsOf(arrived) >= all && (protocol.kind === 'flag' || bitsOf(item.arrived) < all || all === 1);
      const repeats = protocol.kind === 'latch' && all > 1 && bitsOf(item.arrived) === all;
      if (item.waiting.length > 0 && (completes || repeats) && protocol.broken !== 'nobody sends')
        return [moved({ at: 'take', told: [] })];
      return answered({ ...item, arrived }, { at: 'ended', told: [] });
    }
    case 'take':
      return answered(after, full);
    case 'send': {
      const [token, ...told] = producer.told;
      if (token === undefined) return [moved({ at: 'ended', told: [] })];
      const consumers = state.consumers.map(
        (consumer): Consumer => (consumer.at === 'waiting' && consumer.token === token ? { at: 'past' } : consumer),
      );
      const sent = moved({ at: 'send', told }, { consumers });
      const again = { ...sent, producers: state.producers, losses: state.losses - 1 };
      return state.losses === 0 ? [sent] : [sent, again];
    }
    case 'ended':
      return [];
  }
}
