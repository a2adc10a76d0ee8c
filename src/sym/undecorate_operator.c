/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of operators and of functions that the compiler makes: one character behind "?",
 * "?_" or "?__". Codes without a row are special symbols (undecorate_special.c) or not in use.
 */
#include "sym/undecorate_impl.h"

struct row {
    char code;
    const char *text;       /* as llvm-undname says it */
    const char *short_text; /* as debuggers say it, where that differs */
};

static const struct row basic[] = {
    {'2', "operator new", NULL}, {'3', "operator delete", NULL}, {'4', "operator=", NULL},
    {'5', "operator>>", NULL},   {'6', "operator<<", NULL},      {'7', "operator!", NULL},
    {'8', "operator==", NULL},   {'9', "operator!=", NULL},      {'A', "operator[]", NULL},
    {'C', "operator->", NULL},   {'D', "operator*", NULL},       {'E', "operator++", NULL},
    {'F', "operator--", NULL},   {'G', "operator-", NULL},       {'H', "operator+", NULL},
    {'I', "operator&", NULL},    {'J', "operator->*", NULL},     {'K', "operator/", NULL},
    {'L', "operator%", NULL},    {'M', "operator<", NULL},       {'N', "operator<=", NULL},
    {'O', "operator>", NULL},    {'P', "operator>=", NULL},      {'Q', "operator,", NULL},
    {'R', "operator()", NULL},   {'S', "operator~", NULL},       {'T', "operator^", NULL},
    {'U', "operator|", NULL},    {'V', "operator&&", NULL},      {'W', "operator||", NULL},
    {'X', "operator*=", NULL},   {'Y', "operator+=", NULL},      {'Z', "operator-=", NULL},
};

static const struct row under[] = {
    {'0', "operator/=", NULL},
    {'1', "operator%=", NULL},
    {'2', "operator>>=", NULL},
    {'3', "operator<<=", NULL},
    {'4', "operator&=", NULL},
    {'5', "operator|=", NULL},
    {'6', "operator^=", NULL},
    {'D', "`vbase dtor'", "`vbase destructor'"},
    {'E', "`vector deleting dtor'", "`vector deleting destructor'"},
    {'F', "`default ctor closure'", "`default constructor closure'"},
    {'G', "`scalar deleting dtor'", "`scalar deleting destructor'"},
    {'H', "`vector ctor iterator'", "`vector constructor iterator'"},
    {'I', "`vector dtor iterator'", "`vector destructor iterator'"},
    {'J', "`vector vbase ctor iterator'", "`vector vbase constructor iterator'"},
    {'K', "`virtual displacement map'", NULL},
    {'L', "`eh vector ctor iterator'", "`eh vector constructor iterator'"},
    {'M', "`eh vector dtor iterator'", "`eh vector destructor iterator'"},
    {'N', "`eh vector vbase ctor iterator'", "`eh vector vbase constructor iterator'"},
    {'O', "`copy ctor closure'", "`copy constructor closure'"},
    {'T', "`local vftable ctor closure'", "`local vftable constructor closure'"},
    {'U', "operator new[]", NULL},
    {'V', "operator delete[]", NULL},
};

static const struct row under2[] = {
    {'A', "`managed vector ctor iterator'", "`managed vector constructor iterator'"},
    {'B', "`managed vector dtor iterator'", "`managed vector destructor iterator'"},
    {'C', "`EH vector copy ctor iterator'", "`eh vector copy constructor iterator'"},
    {'D', "`EH vector vbase copy ctor iterator'", "`eh vector vbase copy constructor iterator'"},
    {'G', "`vector copy ctor iterator'", "`vector copy constructor iterator'"},
    {'H', "`vector vbase copy constructor iterator'", NULL},
    {'I', "`managed vector vbase copy constructor iterator'", NULL},
    {'L', "operator co_await", NULL},
    {'M', "operator<=>", NULL},
};

static struct ud_ident *from_table(struct ud *u, const struct row *row, size_t count, char code) {
    for (size_t i = 0; i < count; i++) {
        if (row[i].code != code)
            continue;
        struct ud_ident *ident = ud_ident_new(u, UD_OPERATOR, row[i].text);
        if (ident)
            ident->short_text = row[i].short_text;
        return ident;
    }
    return ud_fail(u);
}

static struct ud_ident *basic_operator(struct ud *u, char code) {
    struct ud_ident *ident;
    switch (code) {
    case '0':
    case '1':
        ident = ud_ident_new(u, UD_STRUCTOR, NULL);
        if (ident)
            ident->flag = code == '1';
        return ident;
    case 'B': return ud_ident_new(u, UD_CONVERSION, NULL);
    default: return from_table(u, basic, sizeof basic / sizeof *basic, code);
    }
}

struct ud_ident *ud_operator(struct ud *u) {
    if (ud_take(u, "__")) {
        if (ud_take(u, "K"))
            return ud_ident_new(u, UD_LITERAL, ud_simple(u));
        return from_table(u, under2, sizeof under2 / sizeof *under2, ud_pop(u));
    }
    if (ud_take(u, "_"))
        return from_table(u, under, sizeof under / sizeof *under, ud_pop(u));
    return basic_operator(u, ud_pop(u));
}
