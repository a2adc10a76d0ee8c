/* SPDX-License-Identifier: MIT */
/*
 * Many dumps counted, compared and written out, with the 1st, 2nd, … Nth allocation refused: each
 * run ends in "out of memory" or in the right text, and nothing is leaked.
 */
#include "cmd/csv.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/batch_fixture.h"

enum { DUMPS = 24, TRIES = 4000, TEXT_MAX = 32 * 1024 };

struct text {
    char data[TEXT_MAX];
    size_t len;
};

static bool collect(void *ctx, const char *data, size_t len) {
    struct text *t = ctx;
    if (len > TEXT_MAX - t->len)
        return false;
    memcpy(t->data + t->len, data, len);
    t->len += len;
    return true;
}

/* Two machines: one stops in other ways each time, of the other one driver is behind several. */
static sc_err *add_all(sc_batch *batch) {
    sc_err *err = NULL;
    for (unsigned i = 0; i < DUMPS && !err; i++) {
        char bucket[32];
        snprintf(bucket, sizeof bucket, "AV_%u", i);
        struct sc_batch_facts f = batch_facts(bucket, i + 1);
        if (i > 6)
            batch_name(&f, "drv.sys", SC_STRONG);
        err = sc_batch_add(batch, i > 6 ? "two/a.dmp" : "it's one/a.dmp", &f);
    }
    return err;
}

static sc_err *write_all(const struct sc_batch_summary *sum, struct text *text) {
    sc_out *out;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, collect, text, false, &out);
    if (err)
        return err;
    sc_batch_text(out, sum);
    sc_batch_line(out, sum);
    sc_batch_csv(out, sum);
    sc_out_json(out, &sc_batch_rectype, sum);
    sc_out_destroy(out);
    return NULL;
}

static sc_err *work(struct text *text) {
    struct batch_fix fix;
    struct sc_batch_counts counts = {.files = DUMPS, .analysed = DUMPS};
    struct sc_batch_summary sum;
    if (!batch_try_open(&fix)) {
        batch_close(&fix);
        return sc_err_nomem();
    }
    sc_err *err = add_all(fix.batch);
    if (!err)
        err = sc_batch_summarise(fix.batch, &counts, fix.arena, &sum);
    if (!err)
        err = write_all(&sum, text);
    batch_close(&fix);
    return err;
}

static struct text right, now;

int main(void) {
    struct heap_stats stats;
    heap_begin(0);
    sc_err *err = work(&right);
    heap_end(&stats);
    tap_ok(!err && !stats.leaked && right.len > 2000, "without a failure: text, nothing leaked");
    sc_err_destroy(err);
    const char *all = right.data;
    tap_ok(strstr(all, "hardware-never-the-same") && strstr(all, "common-driver"),
           "both findings are made");
    uint64_t refused = 0, wrong = 0, leaks = 0;
    for (uint64_t at = 1; at <= TRIES; at++) {
        now.len = 0;
        heap_begin(at);
        err = work(&now);
        heap_end(&stats);
        wrong += err ? sc_err_code(err) != SC_ERR_NOMEM || !stats.failed
                     : now.len != right.len || memcmp(now.data, right.data, now.len) != 0;
        leaks += stats.leaked != 0;
        sc_err_destroy(err);
        if (!stats.failed)
            break;
        refused++;
    }
    tap_note("%llu allocations refused in turn", (unsigned long long)refused);
    tap_ok(refused > 50 && refused < TRIES, "every allocation was refused once");
    tap_ok(!wrong, "each run ended in out of memory, or in the right text");
    tap_ok(!leaks, "nothing was leaked");
    return tap_done();
}
