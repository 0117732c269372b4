# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What is done to all units of a load at once, in C: to the bit what kernels.py does, which says what it is.

`make fast` puts it in the place of kernels.py.
"""

from cpython.array cimport array, resize_smart
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free as c_free, malloc

import numpy as np

cimport numpy as cnp

from sim.model import grid

cnp.import_array()

NEAR, APART = AS_STEPS, AS_THEY_ARE
BATCH = 100

cdef double GRID = grid.GRID
cdef double INF = float("inf")
cdef double FAR = 2147483648.0
cdef enum:
    FEW = 64
    AS_STEPS = 1
    AS_THEY_ARE = 2


cdef inline cnp.ndarray hours_array(cnp.npy_intp count):
    return cnp.PyArray_EMPTY(1, &count, cnp.NPY_DOUBLE, 0)


cdef inline cnp.ndarray ids_array(cnp.npy_intp count):
    return cnp.PyArray_EMPTY(1, &count, cnp.NPY_INT64, 0)


cdef inline cnp.ndarray plain(object array, int kind):
    """The array with its numbers one after the other, of this kind: itself, if it is so."""
    if cnp.PyArray_CheckExact(array) and cnp.PyArray_NDIM(array) == 1 and cnp.PyArray_TYPE(array) == kind and cnp.PyArray_ISCARRAY_RO(array):
        return array
    return cnp.PyArray_FROMANY(array, kind, 1, 1, cnp.NPY_ARRAY_CARRAY_RO)


def hours_of(object steps, int64_t base, object ids):
    cdef cnp.ndarray which = plain(ids, cnp.NPY_INT64)
    cdef cnp.npy_intp i, count = cnp.PyArray_DIM(which, 0)
    cdef int64_t* unit = <int64_t*>cnp.PyArray_DATA(which)
    cdef cnp.ndarray found = hours_array(count)
    cdef double* hour = <double*>cnp.PyArray_DATA(found)
    cdef cnp.ndarray table = steps
    cdef double* long_steps
    cdef uint32_t* short_steps
    if cnp.PyArray_TYPE(table) == cnp.NPY_DOUBLE:
        long_steps = <double*>cnp.PyArray_DATA(table)
        for i in range(count):
            hour[i] = long_steps[unit[i] - base] / GRID
    else:
        short_steps = <uint32_t*>cnp.PyArray_DATA(table)
        for i in range(count):
            hour[i] = short_steps[unit[i] - base] / GRID
    return found


cdef inline void sift(double* free, int cranes) noexcept nogil:
    """The first, which has grown, goes to its place in the heap."""
    cdef double hour = free[0]
    cdef int at = 0, below = 1
    while below < cranes:
        if below + 1 < cranes and free[below + 1] < free[below]:
            below += 1
        if free[below] >= hour:
            break
        free[at] = free[below]
        at = below
        below = 2 * at + 1
    free[at] = hour


def in_turn(double start, object ready, object moves, cnp.npy_intp count, int cranes, list free):
    cdef cnp.ndarray begins = hours_array(count), ends = hours_array(count), each, stand
    cdef double* begin = <double*>cnp.PyArray_DATA(begins)
    cdef double* end = <double*>cnp.PyArray_DATA(ends)
    cdef double* move = NULL
    cdef double* there = NULL
    cdef double hour, length = 0.0, done
    cdef double few[FEW]
    cdef double* crane = &few[0] if cranes <= FEW else <double*>malloc(cranes * sizeof(double))
    cdef cnp.npy_intp i
    cdef int k
    if type(moves) is float:
        length = moves
    else:
        each = plain(moves, cnp.NPY_DOUBLE)
        move = <double*>cnp.PyArray_DATA(each)
    if ready is not None:
        stand = plain(ready, cnp.NPY_DOUBLE)
        there = <double*>cnp.PyArray_DATA(stand)
    if free is None:
        for k in range(cranes):
            crane[k] = start
    else:
        for k in range(cranes):
            crane[k] = free[k]
    done = -INF
    for i in range(count):
        if move != NULL:
            length = move[i]
        hour = crane[0]
        if hour < start:
            hour = start
        if there != NULL and hour < there[i]:
            hour = there[i]
        begin[i] = hour
        hour += length
        end[i] = hour
        if hour > done:
            done = hour
        crane[0] = hour
        sift(crane, cranes)
    if free is not None:
        free[:] = [crane[k] for k in range(cranes)]
    if crane != &few[0]:
        c_free(crane)
    return begins, ends, done


cdef inline cnp.ndarray part(cnp.ndarray array, cnp.npy_intp head, cnp.npy_intp end):
    """A view of a part of hours or units."""
    cdef cnp.npy_intp count = end - head
    cdef char* begin = <char*>cnp.PyArray_DATA(array) + head * 8
    cdef cnp.ndarray some = cnp.PyArray_SimpleNewFromData(1, &count, cnp.PyArray_TYPE(array), begin)
    cnp.set_array_base(some, array)
    return some


def between(cnp.ndarray ids, cnp.ndarray ready, object hours, cnp.npy_intp head, cnp.npy_intp end):
    cdef double* hour = <double*>cnp.PyArray_DATA(ready)
    if hour[head] == hour[end - 1]:
        return part(ids, head, end), hour[head]
    return part(ids, head, end), part(ready, head, end)


def in_order(object ids, object ready):
    cdef cnp.ndarray which = plain(ids, cnp.NPY_INT64), when = plain(ready, cnp.NPY_DOUBLE)
    cdef cnp.npy_intp i, k, count = cnp.PyArray_DIM(which, 0)
    cdef double* hour = <double*>cnp.PyArray_DATA(when)
    cdef int64_t* unit = <int64_t*>cnp.PyArray_DATA(which)
    if count > 500:
        order = ready.argsort(kind="stable")
        return ids[order], ready[order]
    cdef cnp.ndarray sorted_ids = ids_array(count), sorted_hours = hours_array(count)
    cdef double* hours = <double*>cnp.PyArray_DATA(sorted_hours)
    cdef int64_t* units = <int64_t*>cnp.PyArray_DATA(sorted_ids)
    for i in range(count):  # most stand nearly where they belong
        k = i
        while k > 0 and hours[k - 1] > hour[i]:
            hours[k] = hours[k - 1]
            units[k] = units[k - 1]
            k -= 1
        hours[k] = hour[i]
        units[k] = unit[i]
    return sorted_ids, sorted_hours


def insert(cnp.ndarray ids, cnp.ndarray ready, object hours, cnp.npy_intp head, cnp.npy_intp end, object new_ids, object new_ready):
    cdef cnp.ndarray which = plain(new_ids, cnp.NPY_INT64), when
    cdef cnp.npy_intp i = end - 1, k, n = cnp.PyArray_DIM(which, 0)
    cdef double* hour = <double*>cnp.PyArray_DATA(ready)
    cdef int64_t* unit = <int64_t*>cnp.PyArray_DATA(ids)
    cdef int64_t* units = <int64_t*>cnp.PyArray_DATA(which)
    cdef double* news = NULL
    cdef double new = 0.0
    if type(new_ready) is float:
        new = new_ready
    else:
        when = plain(new_ready, cnp.NPY_DOUBLE)
        news = <double*>cnp.PyArray_DATA(when)
    for k in range(n - 1, -1, -1):
        if news != NULL:
            new = news[k]
        while i >= head and hour[i] > new:
            hour[i + k + 1] = hour[i]
            unit[i + k + 1] = unit[i]
            i -= 1
        hour[i + k + 1] = new
        unit[i + k + 1] = units[k]


def bisect_left(object hours, double hour, cnp.npy_intp low, cnp.npy_intp high):
    cdef double* at = <double*>PyMemoryView_GET_BUFFER(hours).buf
    cdef cnp.npy_intp middle
    while low < high:
        middle = (low + high) // 2
        if at[middle] < hour:
            low = middle + 1
        else:
            high = middle
    return low


def bisect_right(object hours, double hour, cnp.npy_intp low, cnp.npy_intp high):
    cdef double* at = <double*>PyMemoryView_GET_BUFFER(hours).buf
    cdef cnp.npy_intp middle
    while low < high:
        middle = (low + high) // 2
        if hour < at[middle]:
            high = middle
        else:
            low = middle + 1
    return low


def reached(list lots, double room, bint over):
    cdef int n = len(lots), i, first
    cdef double** at = <double**>malloc(n * sizeof(double*))
    cdef double** behind = <double**>malloc(n * sizeof(double*))
    cdef double* space = <double*>malloc(n * sizeof(double))
    cdef double filled = 0.0, hour
    cdef cnp.npy_intp head, count
    for i in range(n):
        ready, head, count, width = lots[i]
        at[i] = <double*>cnp.PyArray_DATA(<cnp.ndarray>ready) + head
        behind[i] = at[i] + count
        space[i] = width
    while True:
        first = -1
        for i in range(n):
            if at[i] < behind[i] and (first < 0 or at[i][0] < at[first][0]):
                first = i
        hour = INF
        if first < 0:
            break
        hour = at[first][0]
        at[first] += 1
        filled += space[first]
        if filled > room or (not over and filled == room):
            break
    c_free(at)
    c_free(behind)
    c_free(space)
    return hour


def by_traffic(cnp.ndarray orders, object ids, object ready):
    cdef cnp.ndarray which = plain(ids, cnp.NPY_INT64), when
    cdef cnp.npy_intp i, count = cnp.PyArray_DIM(which, 0), begin, size
    cdef int64_t* unit = <int64_t*>cnp.PyArray_DATA(which)
    cdef int width = cnp.PyArray_ITEMSIZE(orders)
    cdef void* table = cnp.PyArray_DATA(orders)
    cdef uint32_t most = 0, order
    cdef uint32_t* of = <uint32_t*>malloc(count * sizeof(uint32_t))
    for i in range(count):
        if width == 1:
            order = (<uint8_t*>table)[unit[i]]
        elif width == 2:
            order = (<uint16_t*>table)[unit[i]]
        else:
            order = (<uint32_t*>table)[unit[i]]
        of[i] = order
        if order > most:
            most = order
    cdef cnp.npy_intp* begins = <cnp.npy_intp*>calloc(most + 2, sizeof(cnp.npy_intp))
    for i in range(count):
        begins[of[i] + 1] += 1
    parts = []
    for order in range(most + 1):
        if begins[order + 1]:
            parts.append((order, begins[order + 1]))
        begins[order + 1] += begins[order]
    if len(parts) == 1:
        c_free(of)
        c_free(begins)
        return ids, ready, parts
    cdef cnp.ndarray units = ids_array(count), hours
    cdef int64_t* to = <int64_t*>cnp.PyArray_DATA(units)
    cdef double* hour = NULL
    cdef double* hour_to = NULL
    if type(ready) is not float:
        when = plain(ready, cnp.NPY_DOUBLE)
        hours = hours_array(count)
        hour, hour_to = <double*>cnp.PyArray_DATA(when), <double*>cnp.PyArray_DATA(hours)
        ready = hours
    for i in range(count):
        begin = begins[of[i]]
        begins[of[i]] += 1
        to[begin] = unit[i]
        if hour != NULL:
            hour_to[begin] = hour[i]
    c_free(of)
    c_free(begins)
    return units, ready, parts


def pack(list carriages, cnp.npy_intp carried, cnp.ndarray units, cnp.npy_intp row, cnp.ndarray steps, cnp.npy_intp used, list apart):
    cdef bint near, far
    cdef cnp.npy_intp n = len(carriages), i, k, unit, count, parcel = 0, of_parts = 0, entry = 0
    cdef cnp.npy_intp used_apart = sum(map(len, apart))
    cdef cnp.npy_intp* rows = <cnp.npy_intp*>malloc((n + 1) * sizeof(cnp.npy_intp))  # first of the units of each
    cdef cnp.npy_intp columns = len(<tuple>carriages[0]) - 4
    cdef int32_t* to = <int32_t*>cnp.PyArray_DATA(units)
    cdef int32_t* step = <int32_t*>cnp.PyArray_DATA(steps)
    cdef tuple carriage, part
    cdef list parts
    for carriage in carriages:
        of_parts += len(<list>carriage[0])
    cdef cnp.npy_intp[2] shape
    shape[0], shape[1] = 3, of_parts
    cdef cnp.ndarray parcels = cnp.PyArray_EMPTY(2, shape, cnp.NPY_INT64, 0)
    shape[0], shape[1] = 2, n
    cdef cnp.ndarray calls = cnp.PyArray_EMPTY(2, shape, cnp.NPY_INT32, 0)
    shape[0] = columns
    cdef cnp.ndarray firsts = cnp.PyArray_EMPTY(2, shape, cnp.NPY_DOUBLE, 0)
    cdef cnp.ndarray kinds = cnp.PyArray_ZEROS(2, shape, cnp.NPY_INT8, 0)
    cdef cnp.ndarray shifts = cnp.PyArray_ZEROS(2, shape, cnp.NPY_INT64, 0)
    cdef int64_t* size = <int64_t*>cnp.PyArray_DATA(parcels)
    cdef int32_t* call = <int32_t*>cnp.PyArray_DATA(calls)
    cdef double* first = <double*>cnp.PyArray_DATA(firsts)
    cdef int8_t* kind = <int8_t*>cnp.PyArray_DATA(kinds)
    cdef int64_t* shift = <int64_t*>cnp.PyArray_DATA(shifts)
    cdef int64_t* leg = size + of_parts
    cdef int64_t* number = leg + of_parts
    cdef cnp.ndarray which, when
    cdef int64_t* id
    cdef double* hour
    cdef double base, off
    for i in range(n):
        carriage = <tuple>carriages[i]
        parts = <list>carriage[0]
        for part in parts:
            size[parcel] = part[1]
            leg[parcel] = part[0].key
            number[parcel] = carried + i
            parcel += 1
        which = plain(carriage[1], cnp.NPY_INT64)
        id = <int64_t*>cnp.PyArray_DATA(which)
        count = cnp.PyArray_DIM(which, 0)
        for unit in range(count):
            to[row + unit] = <int32_t>id[unit]
        call[i] = carriage[2]
        call[n + i] = carriage[3]
        rows[i] = row
        row += count
    rows[n] = row
    for k in range(columns):
        for i in range(n):
            hours = (<tuple>carriages[i])[4 + k]
            if type(hours) is float:
                first[entry] = hours
            else:
                when = plain(hours, cnp.NPY_DOUBLE)
                hour = <double*>cnp.PyArray_DATA(when)
                count = rows[i + 1] - rows[i]
                first[entry] = base = hour[0]
                far = False
                for unit in range(count):  # without a way out, so that several are done at one go
                    off = (hour[unit] - base) * GRID
                    near = -FAR < off and off < FAR
                    far |= not near
                    step[used + unit] = <int32_t>(off if near else 0.0)
                kind[entry] = AS_THEY_ARE if far else AS_STEPS
                if not far:
                    shift[entry] = used - rows[i]
                    used += count
                else:
                    shift[entry] = used_apart - rows[i]
                    used_apart += count
                    apart.append(when.copy())
            entry += 1
    c_free(rows)
    return (parcels, calls, firsts, kinds, shifts), row, used


cdef inline bint first_of(double hour, long number, tuple other):
    """Whether an event comes before another one, by hour and number."""
    cdef double another = <double>other[0]
    if hour != another:
        return hour < another
    return number < <long>other[1]


cdef inline void rise(list queue, Py_ssize_t at, tuple event):
    """From a place at the end of the queue the event goes up to its own."""
    cdef double hour = <double>event[0]
    cdef long number = <long>event[1]
    cdef Py_ssize_t above
    while at > 0:
        above = (at - 1) >> 1
        if not first_of(hour, number, <tuple>queue[above]):
            break
        queue[at] = queue[above]
        at = above
    queue[at] = event


cdef inline void sink(list queue, tuple event):
    """From the first place of the queue the event goes down to its own."""
    cdef double hour = <double>event[0], of_low
    cdef long number = <long>event[1]
    cdef Py_ssize_t at = 0, below = 1, count = len(queue)
    cdef tuple low, other
    while below < count:
        low = <tuple>queue[below]
        if below + 1 < count:
            other = <tuple>queue[below + 1]
            if not first_of(<double>low[0], <long>low[1], other):
                low = other
                below += 1
        if first_of(hour, number, low):
            break
        queue[at] = low
        at = below
        below = 2 * at + 1
    queue[at] = event


def heappush(list queue, tuple event):
    queue.append(event)
    rise(queue, len(queue) - 1, event)


def heappop(list queue):
    cdef tuple last = queue.pop(), first
    if not queue:
        return last
    first = queue[0]
    sink(queue, last)
    return first


def heapreplace(list queue, tuple event):
    cdef tuple first = queue[0]
    sink(queue, event)
    return first


def packer(int width):
    return packed


def packed(*numbers):
    cdef Py_ssize_t i, count = len(numbers)
    cdef bytes row = PyBytes_FromStringAndSize(NULL, count * sizeof(double))
    cdef double* to = <double*>PyBytes_AS_STRING(row)
    for i in range(count):
        number = <object>PyTuple_GET_ITEM(numbers, i)
        if type(number) is float:
            to[i] = PyFloat_AS_DOUBLE(number)
        else:
            to[i] = <double><long>number
    return row


def put_row(array rows, double a, double b, double c, double d):
    cdef Py_ssize_t begin = len(rows)
    resize_smart(rows, begin + 4)
    cdef double* row = rows.data.as_doubles + begin
    row[0], row[1], row[2], row[3] = a, b, c, d
    return begin
