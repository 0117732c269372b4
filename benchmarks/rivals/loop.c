/* The reference corridor as a compiled event loop: a binary heap of events, one event a move of a box. It is the limit
   of what can be reached in practice. The rules and their order are those of with_heapq.py; with_c.py calls `simulate`. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    double end, wait;
    int64_t boxes, blocks, train, station_cranes, ships, capacity, berths, quay_cranes, gauge_tracks, trains, voyages,
        closures;
    const double *arrived, *unload, *load, *discharge, *out, *back, *to_gauge, *change, *onward, *closes, *opens;
    double *log; /* hours of milestones: a row for each of them, a column for each box */
} Corridor;

typedef enum { UNLOADING_AT, READY_AT, LOADING_AT, LOADED_AT, DISCHARGING_AT, LANDED_AT, LEFT_AT, DELIVERED_AT } Milestone;

typedef enum {
    TRAIN_IN, UNLOADED, ARRIVE, ASK, BERTHED, LOADED, LANDED, LEAVE, WAITED, AT_GAUGE, CHANGED, ARRIVED
} Kind;

typedef struct {
    double t;
    int64_t ticket;
    Kind kind;
    int32_t who, what;
} Event;

typedef struct { /* first in, first out, in a ring of a power of two */
    int64_t *item;
    int64_t head, tail, mask;
} Queue;

typedef struct {
    int64_t idle, number;
    Queue waiting; /* ticket and box, by turns */
} Cranes;

typedef struct {
    int64_t out, back, voyage, loaded, left;
    double berthed;
    int open, west;
    int32_t *cargo;
    Cranes cranes;
} Ship;

typedef struct {
    const Corridor *c;
    double now;
    int64_t tickets;
    Event *heap;
    int64_t size, room;
    Cranes station;
    Ship *ship;
    Queue yard, lane, gauge_queue, berth_queue[2];
    int64_t berths_free[2], gauge_free;
    int32_t *landed; /* boxes in order of landing: each `train` of them go together */
    int64_t landings;
    int64_t *begun; /* trains out, by the block of their first box */
    int too_many; /* of them */
} World;

static void queue_make(Queue *q, int64_t room) {
    int64_t size = 16;
    while (size < room) size *= 2;
    q->item = malloc(size * sizeof *q->item);
    q->head = q->tail = 0;
    q->mask = size - 1;
}

static void queue_put(Queue *q, int64_t item) { q->item[q->tail++ & q->mask] = item; }
static int64_t queue_get(Queue *q) { return q->item[q->head++ & q->mask]; }
static int queue_empty(const Queue *q) { return q->head == q->tail; }

static int before(const Event *a, const Event *b) { return a->t < b->t || (a->t == b->t && a->ticket < b->ticket); }

static void push(World *w, double t, int64_t ticket, Kind kind, int32_t who, int32_t what) {
    if (w->size == w->room) w->heap = realloc(w->heap, (w->room *= 2) * sizeof(Event));
    Event event = {t, ticket, kind, who, what};
    int64_t i = w->size++;
    for (int64_t up; i && before(&event, &w->heap[up = (i - 1) / 2]); i = up) w->heap[i] = w->heap[up];
    w->heap[i] = event;
}

static Event pop(World *w) {
    Event first = w->heap[0], last = w->heap[--w->size];
    int64_t i = 0, down;
    while ((down = 2 * i + 1) < w->size) {
        if (down + 1 < w->size && before(&w->heap[down + 1], &w->heap[down])) down++;
        if (!before(&w->heap[down], &last)) break;
        w->heap[i] = w->heap[down];
        i = down;
    }
    w->heap[i] = last;
    return first;
}

static void at(World *w, double t, Kind kind, int32_t who, int32_t what) { push(w, t, ++w->tickets, kind, who, what); }

static double next_open(const World *w) {
    int64_t low = 0, high = w->c->closures;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (w->c->closes[middle] <= w->now) low = middle + 1; else high = middle;
    }
    return low && w->now < w->c->opens[low - 1] ? w->c->opens[low - 1] : w->now;
}

static void happen(World *w, Event e);

static void when_open(World *w, Kind kind, int32_t who) {
    double t = next_open(w);
    if (t > w->now) at(w, t, kind, who, 0);
    else happen(w, (Event){w->now, 0, kind, who, 0});
}

static void note(World *w, Milestone milestone, int64_t box) { w->c->log[milestone * w->c->boxes + box] = w->now; }

static void begin(World *w, const double *hours, int64_t ticket, Kind done, int32_t who, int64_t box) {
    note(w, done == UNLOADED ? UNLOADING_AT : done == LOADED ? LOADING_AT : DISCHARGING_AT, box);
    push(w, w->now + hours[box], ticket, done, who, (int32_t)box);
}

static void work(World *w, Cranes *cranes, const double *hours, Kind done, int32_t who, int64_t box) {
    w->tickets++;
    if (cranes->idle) {
        cranes->idle--;
        begin(w, hours, w->tickets, done, who, box);
    } else {
        queue_put(&cranes->waiting, w->tickets);
        queue_put(&cranes->waiting, box);
    }
}

static void next_box(World *w, Cranes *cranes, const double *hours, Kind done, int32_t who) {
    if (queue_empty(&cranes->waiting)) {
        cranes->idle++;
        return;
    }
    int64_t ticket = queue_get(&cranes->waiting);
    begin(w, hours, ticket, done, who, queue_get(&cranes->waiting));
}

static void train_in(World *w, int64_t block) {
    for (int64_t box = block * w->c->train; box < (block + 1) * w->c->train; box++)
        work(w, &w->station, w->c->unload, UNLOADED, 0, box);
}

static void open_ship(World *w, int32_t number);

static void close_ship(World *w, int32_t number) {
    w->ship[number].open = 0;
    queue_get(&w->lane);
    if (!w->ship[number].left) when_open(w, LEAVE, number);
    if (!queue_empty(&w->lane)) open_ship(w, (int32_t)w->lane.item[w->lane.head & w->lane.mask]);
}

static void assign(World *w, int32_t number, int64_t box) {
    Ship *ship = &w->ship[number];
    ship->cargo[ship->loaded++] = (int32_t)box;
    ship->left++;
    work(w, &ship->cranes, w->c->load, LOADED, number, box);
    if (ship->loaded == w->c->capacity) close_ship(w, number);
}

static void open_ship(World *w, int32_t number) {
    Ship *ship = &w->ship[number];
    ship->open = 1;
    while (ship->open && !queue_empty(&w->yard)) assign(w, number, queue_get(&w->yard));
    if (ship->open) at(w, fmax(ship->berthed + w->c->wait, w->now), WAITED, number, (int32_t)ship->voyage);
}

static void berthed(World *w, int32_t number) {
    Ship *ship = &w->ship[number];
    if (!ship->west) {
        ship->berthed = w->now;
        queue_put(&w->lane, number);
        if (w->lane.tail - w->lane.head == 1) open_ship(w, number);
    } else {
        ship->left = ship->loaded;
        for (int64_t i = 0; i < ship->loaded; i++)
            work(w, &ship->cranes, w->c->discharge, LANDED, number, ship->cargo[i]);
        if (!ship->loaded) when_open(w, LEAVE, number);
    }
}

static void leave(World *w, int32_t number) {
    Ship *ship = &w->ship[number];
    int port = ship->west;
    double hours = port ? w->c->back[number * w->c->voyages + ship->back++]
                        : w->c->out[number * w->c->voyages + ship->out++];
    if (port) {
        ship->loaded = 0;
        ship->voyage++;
    }
    ship->west = !port;
    at(w, w->now + hours, ARRIVE, number, 0);
    if (queue_empty(&w->berth_queue[port])) w->berths_free[port]++;
    else when_open(w, BERTHED, (int32_t)queue_get(&w->berth_queue[port]));
}

static void landed(World *w, int32_t number, int32_t box) {
    Ship *ship = &w->ship[number];
    next_box(w, &ship->cranes, w->c->discharge, LANDED, number);
    if (!--ship->left) when_open(w, LEAVE, number);
    note(w, LANDED_AT, box);
    w->landed[w->landings++] = box;
    if (w->landings % w->c->train == 0) {
        int64_t first = w->landings - w->c->train, block = w->landed[first] / w->c->train;
        int64_t number = w->begun[block]++;
        for (int64_t i = first; i < w->landings; i++) note(w, LEFT_AT, w->landed[i]);
        if (number < w->c->trains) {
            int64_t train = number * w->c->blocks + block; /* in to_gauge and onward */
            at(w, w->now + w->c->to_gauge[train], AT_GAUGE, (int32_t)first, (int32_t)train);
        } else {
            w->too_many = 1;
        }
    }
}

static void happen(World *w, Event e) {
    const Corridor *c = w->c;
    Ship *ship = &w->ship[e.who];
    switch (e.kind) {
    case TRAIN_IN:
        train_in(w, e.what);
        break;
    case UNLOADED:
        note(w, READY_AT, e.what);
        next_box(w, &w->station, c->unload, UNLOADED, 0);
        if (queue_empty(&w->lane)) queue_put(&w->yard, e.what);
        else assign(w, (int32_t)w->lane.item[w->lane.head & w->lane.mask], e.what);
        break;
    case ARRIVE:
        when_open(w, ASK, e.who);
        break;
    case ASK:
        if (!w->berths_free[ship->west]) {
            queue_put(&w->berth_queue[ship->west], e.who);
        } else {
            w->berths_free[ship->west]--;
            when_open(w, BERTHED, e.who);
        }
        break;
    case BERTHED:
        berthed(w, e.who);
        break;
    case LOADED:
        note(w, LOADED_AT, e.what);
        next_box(w, &ship->cranes, c->load, LOADED, e.who);
        if (!--ship->left && !ship->open) when_open(w, LEAVE, e.who);
        break;
    case LANDED:
        landed(w, e.who, e.what);
        break;
    case LEAVE:
        leave(w, e.who);
        break;
    case WAITED:
        if (ship->open && ship->voyage == e.what) close_ship(w, e.who);
        break;
    case AT_GAUGE:
        if (w->gauge_free) {
            w->gauge_free--;
            at(w, w->now + c->change[e.what % c->blocks], CHANGED, e.who, e.what);
        } else {
            queue_put(&w->gauge_queue, e.who);
            queue_put(&w->gauge_queue, e.what);
        }
        break;
    case CHANGED:
        at(w, w->now + c->onward[e.what], ARRIVED, e.who, 0);
        if (queue_empty(&w->gauge_queue)) {
            w->gauge_free++;
        } else {
            int64_t first = queue_get(&w->gauge_queue), train = queue_get(&w->gauge_queue);
            at(w, w->now + c->change[train % c->blocks], CHANGED, (int32_t)first, (int32_t)train);
        }
        break;
    case ARRIVED:
        for (int64_t i = 0; i < c->train; i++) note(w, DELIVERED_AT, w->landed[e.who + i]);
        break;
    }
}

int simulate(const Corridor *c) { /* 0: done; 1: more trains began with the same block than were drawn ahead */
    World world = {.c = c, .room = 1024}, *w = &world;
    w->heap = malloc(w->room * sizeof(Event));
    w->ship = calloc(c->ships, sizeof(Ship));
    w->landed = malloc(c->boxes * sizeof *w->landed);
    w->begun = calloc(c->blocks, sizeof *w->begun);
    w->station.idle = w->station.number = c->station_cranes;
    queue_make(&w->station.waiting, 2 * c->boxes);
    queue_make(&w->yard, c->boxes);
    queue_make(&w->lane, c->ships);
    queue_make(&w->gauge_queue, 2 * c->blocks);
    w->gauge_free = c->gauge_tracks;
    for (int port = 0; port < 2; port++) {
        w->berths_free[port] = c->berths;
        queue_make(&w->berth_queue[port], c->ships);
    }
    for (int32_t i = 0; i < c->ships; i++) {
        Ship *ship = &w->ship[i];
        ship->west = i % 2;
        ship->cargo = malloc(c->capacity * sizeof *ship->cargo);
        ship->cranes.idle = ship->cranes.number = c->quay_cranes;
        queue_make(&ship->cranes.waiting, 2 * c->capacity);
        at(w, 0, ARRIVE, i, 0);
    }
    for (int64_t i = 0; i < c->blocks; i++) at(w, c->arrived[i], TRAIN_IN, 0, (int32_t)i);
    while (w->size && w->heap[0].t < c->end && !w->too_many) {
        Event e = pop(w);
        w->now = e.t;
        happen(w, e);
    }
    for (int64_t i = 0; i < c->ships; i++) {
        free(w->ship[i].cargo);
        free(w->ship[i].cranes.waiting.item);
    }
    free(w->station.waiting.item), free(w->yard.item), free(w->lane.item), free(w->gauge_queue.item);
    free(w->berth_queue[0].item), free(w->berth_queue[1].item);
    free(w->heap), free(w->ship), free(w->landed), free(w->begun);
    return w->too_many;
}
