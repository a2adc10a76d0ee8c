/* SPDX-License-Identifier: MIT */
/*
 * Expressions with known values: from WinDbg's manual, from published sessions, and worked out by
 * hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/expr_target.h"

struct row {
    const char *text;
    uint64_t value;
};

static void check_rows(const struct sc_expr_env *env, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0x5a5a;
        sc_err *err = sc_expr_eval(env, rows[i].text, &value);
        if (err)
            fail_msg("%s: %s", rows[i].text, sc_err_text(err));
        if (value != rows[i].value)
            fail_msg("%s: %llx, not %llx", rows[i].text, (unsigned long long)value,
                     (unsigned long long)rows[i].value);
    }
}

/* 64-bit target, base 16. */
static const struct row rows64[] = {
    /* clang-format off */
    {"0", 0x0ULL}, {"1f", 0x1fULL}, {"1F", 0x1fULL}, {"0x1f", 0x1fULL}, {"0X1F", 0x1fULL},
    {"1fh", 0x1fULL}, {"1FH", 0x1fULL}, {"0n31", 0x1fULL}, {"0N31", 0x1fULL}, {"0t37", 0x1fULL},
    {"0T37", 0x1fULL}, {"0y11111", 0x1fULL}, {"0Y1", 0x1ULL}, {"0x", 0x0ULL}, {"0n", 0x0ULL},
    {"0t", 0x0ULL}, {"0y", 0x0ULL}, {"00000000000000001", 0x1ULL}, {"4AB3h", 0x4ab3ULL},
    {"4aB3H", 0x4ab3ULL}, {"0X4aB3", 0x4ab3ULL}, {"0x4AB3", 0x4ab3ULL},
    {"ffffffffffffffff", 0xffffffffffffffffULL}, {"0xffffffffffffffff", 0xffffffffffffffffULL},
    {"0n18446744073709551615", 0xffffffffffffffffULL},
    {"0t1777777777777777777777", 0xffffffffffffffffULL},
    {"0y1111111111111111111111111111111111111111111111111111111111111111", 0xffffffffffffffffULL},
    {"fffff800`01234567", 0xfffff80001234567ULL}, {"0xfffff800`01234567", 0xfffff80001234567ULL},
    {"0`EEAA1122", 0xeeaa1122ULL}, {"00000000`80000000", 0x80000000ULL},
    {"80000000", 0x80000000ULL}, {"c0000005", 0xc0000005ULL}, {"deadbeef", 0xdeadbeefULL},
    {"fade", 0xfadeULL}, {"each", 0xeacULL}, {"ch", 0xcULL}, {"0b1", 0xb1ULL}, {"0d10", 0xd10ULL},
    {"e", 0xeULL}, {"a", 0xaULL}, {"fffffa80`4b729830", 0xfffffa804b729830ULL},
    {"0000bd38", 0xbd38ULL}, {"0n-1073741811", 0xffffffffc000000dULL},
    {"0n-1", 0xffffffffffffffffULL}, {"0n-10/2", 0x7ffffffffffffffbULL},
    {"0x-10", 0xfffffffffffffff0ULL}, {"0y-11", 0xfffffffffffffffdULL},
    {"0t-17", 0xfffffffffffffff1ULL}, {"0n - 10", 0xfffffffffffffff0ULL},
    {"0n10 - 0n-10", 0x14ULL}, {"fffffa804b729790 + 0xa0", 0xfffffa804b729830ULL},
    {"0x10 + 0t10 + 0y10", 0x1aULL}, {"1+2*3", 0x7ULL}, {"(1+2)*3", 0x9ULL}, {"[1+2]*3", 0x9ULL},
    {"1 + 2 * 3 - 4", 0x3ULL}, {"10-4-2", 0xaULL}, {"10-(4-2)", 0xeULL}, {"100/4/4", 0x10ULL},
    {"100/(4/4)", 0x100ULL}, {"100 mod 7", 0x4ULL}, {"100%7", 0x4ULL}, {"100 MOD 7", 0x4ULL},
    {"7*9 mod 5", 0x3ULL}, {"7 mod 3*2", 0x2ULL}, {"a/3*3", 0x9ULL}, {"2*3%4", 0x2ULL},
    {"5/2", 0x2ULL}, {"0/5", 0x0ULL}, {"-1/2", 0x7fffffffffffffffULL}, {"-1 mod 10", 0xfULL},
    {"ffffffffffffffff+1", 0x0ULL}, {"0-1", 0xffffffffffffffffULL},
    {"ffffffffffffffff*ffffffffffffffff", 0x1ULL}, {"8000000000000000*2", 0x0ULL},
    {"-8000000000000000", 0x8000000000000000ULL}, {"fffffffffffffff0+20", 0x10ULL},
    {"1<<4", 0x10ULL}, {"1<<0", 0x1ULL}, {"1<<3f", 0x8000000000000000ULL}, {"1<<40", 0x0ULL},
    {"1<<41", 0x0ULL}, {"1<<ffffffffffffffff", 0x0ULL}, {"10>>4", 0x1ULL},
    {"8000000000000000>>3f", 0x1ULL}, {"8000000000000000>>40", 0x0ULL},
    {"8000000000000000>>>3f", 0xffffffffffffffffULL},
    {"8000000000000000>>>40", 0xffffffffffffffffULL},
    {"8000000000000000>>>1", 0xc000000000000000ULL},
    {"4000000000000000>>>1", 0x2000000000000000ULL}, {"-1>>>5", 0xffffffffffffffffULL},
    {"-1>>4", 0xfffffffffffffffULL}, {"-1>>>0", 0xffffffffffffffffULL},
    {"-1>>0", 0xffffffffffffffffULL}, {"100>>4<<4", 0x100ULL}, {"123>>4<<4", 0x120ULL},
    {"1<<2<<3", 0x20ULL}, {"1<<2+1", 0x8ULL}, {"(1<<2)+1", 0x5ULL}, {"1+1<<2", 0x8ULL},
    {"100>>1+1", 0x40ULL}, {"2*1<<1", 0x4ULL}, {"1<2", 0x1ULL}, {"2<1", 0x0ULL}, {"1<1", 0x0ULL},
    {"1<=1", 0x1ULL}, {"2<=1", 0x0ULL}, {"1>2", 0x0ULL}, {"2>1", 0x1ULL}, {"1>=1", 0x1ULL},
    {"0>=1", 0x0ULL}, {"1=1", 0x1ULL}, {"1==1", 0x1ULL}, {"1=2", 0x0ULL}, {"1==2", 0x0ULL},
    {"1!=2", 0x1ULL}, {"1!=1", 0x0ULL}, {"-1<0", 0x0ULL}, {"-1>0", 0x1ULL},
    {"ffffffffffffffff>7fffffffffffffff", 0x1ULL}, {"1<2<3", 0x1ULL}, {"3>2>1", 0x0ULL},
    {"3>2=1", 0x1ULL}, {"1=1=1", 0x1ULL}, {"2=2=2", 0x0ULL}, {"1!=1=0", 0x1ULL},
    {"5<3!=1", 0x1ULL}, {"1+1=2", 0x1ULL}, {"2=1+1", 0x1ULL}, {"1<<1=2", 0x1ULL},
    {"2=1<<1", 0x1ULL}, {"1+(1=1)", 0x2ULL}, {"4>>1>1", 0x1ULL}, {"f0&3c", 0x30ULL},
    {"f0 and 3c", 0x30ULL}, {"f0 AND 3c", 0x30ULL}, {"f0|3c", 0xfcULL}, {"f0 or 3c", 0xfcULL},
    {"f0 Or 3c", 0xfcULL}, {"f0^3c", 0xccULL}, {"f0 xor 3c", 0xccULL}, {"f0 XOR 3c", 0xccULL},
    {"1|2&2", 0x3ULL}, {"(1|2)&2", 0x2ULL}, {"1|6^2", 0x5ULL}, {"(1|6)^2", 0x5ULL},
    {"7^3&1", 0x6ULL}, {"(7^3)&1", 0x0ULL}, {"1 or 2 xor 3 and 1", 0x3ULL}, {"1 and 3=3", 0x1ULL},
    {"(2 and 3)=2", 0x1ULL}, {"2 and 3=3", 0x0ULL}, {"4|1=1", 0x5ULL}, {"6&1+1", 0x2ULL},
    {"1|1|2", 0x3ULL}, {"5^5^5", 0x5ULL}, {"ff&f0&3f", 0x30ULL}, {"1 or 0=0", 0x1ULL},
    {"8|4>>1", 0xaULL}, {"0xff & 0n15", 0xfULL}, {"ffff0000&ff00ff00|12", 0xff000012ULL},
    {"1==1 and 2==2", 0x1ULL}, {"1==1 and 2==3", 0x0ULL}, {"1==2 or 2==2", 0x1ULL},
    {"(1==1) & (2==2) | (3==4)", 0x1ULL}, {"-1", 0xffffffffffffffffULL},
    {"- 1", 0xffffffffffffffffULL}, {"--1", 0x1ULL}, {"+1", 0x1ULL},
    {"+-+1", 0xffffffffffffffffULL}, {"-+-1", 0x1ULL}, {"1--1", 0x2ULL}, {"1 - -1", 0x2ULL},
    {"1+-1", 0x0ULL}, {"2*-1", 0xfffffffffffffffeULL}, {"-2*-3", 0x6ULL},
    {"-(1+2)", 0xfffffffffffffffdULL}, {"+(5)", 0x5ULL}, {"not 0", 0x1ULL}, {"not 1", 0x0ULL},
    {"not 5", 0x0ULL}, {"NOT 0", 0x1ULL}, {"not(0)", 0x1ULL}, {"not not 5", 0x1ULL},
    {"not not 0", 0x0ULL}, {"!0", 0x1ULL}, {"!5", 0x0ULL}, {"!(1=2)", 0x1ULL}, {"! 0", 0x1ULL},
    {"!!5", 0x1ULL}, {"!!0", 0x0ULL}, {"!(3)", 0x0ULL}, {"!+0", 0x1ULL}, {"!-1", 0x0ULL},
    {"not 0+1", 0x2ULL}, {"not (0+1)", 0x0ULL}, {"!0+1", 0x2ULL},
    {"-not 0", 0xffffffffffffffffULL}, {"not -1", 0x0ULL}, {"hi 12345678", 0x1234ULL},
    {"low 12345678", 0x5678ULL}, {"hi(12345678)", 0x1234ULL}, {"low(12345678)", 0x5678ULL},
    {"hi 1234", 0x0ULL}, {"low 1234", 0x1234ULL}, {"hi ffffffffabcd1234", 0xabcdULL},
    {"hi 123456789abc", 0x5678ULL}, {"low ffffffffffff8001", 0x8001ULL},
    {"HI 12345678", 0x1234ULL}, {"Low 12345678", 0x5678ULL}, {"hi 12345678+1", 0x1235ULL},
    {"low 1ffff+1", 0x10000ULL}, {"hi(12345678+10000)", 0x1235ULL}, {"hi low 12345678", 0x0ULL},
    {"low hi 12345678", 0x1234ULL}, {"((((1))))", 0x1ULL}, {"([1])", 0x1ULL}, {"[(1)]", 0x1ULL},
    {"( 1 )", 0x1ULL}, {"(1)+(2)", 0x3ULL}, {"2*(3+4)*5", 0x46ULL}, {"((1+2)*(3+4))", 0x15ULL},
    {"(1+(2+(3+(4+5))))", 0xfULL}, {" 1", 0x1ULL}, {"1 ", 0x1ULL}, {"\t1\t+\t2 ", 0x3ULL},
    {"1+2", 0x3ULL}, {"1 +2", 0x3ULL}, {"1+ 2", 0x3ULL}, {"   7   ", 0x7ULL},
    {"@@masm(1+2)*3", 0x9ULL}, {"@@masm( 10 )", 0x10ULL}, {"@@MASM(2)", 0x2ULL},
    {"2*@@masm(1+2)", 0x6ULL}, {"@@masm(@@masm(5))", 0x5ULL}, {"0x10-0n10", 0x6ULL},
    {"0n10*0n10", 0x64ULL}, {"0n100 mod 0n7", 0x2ULL}, {"0y101 | 0t20", 0x15ULL},
    {"2+3*4", 0xeULL}, {"2*3+4", 0xaULL}, {"2-6/3", 0x0ULL}, {"1<<1+1", 0x4ULL},
    {"1+1<<1", 0x4ULL}, {"3<1<<1", 0x0ULL}, {"1<<1<3", 0x1ULL}, {"1&3>2", 0x1ULL},
    {"3>2&1", 0x1ULL}, {"6^2&2", 0x4ULL}, {"2&2^6", 0x4ULL}, {"1|2^2", 0x1ULL}, {"2^2|1", 0x1ULL},
    {"1|2^3&1=1<<0+0*5", 0x3ULL}, {"fffff800`00000000+12345", 0xfffff80000012345ULL},
    {"0xfffff800`01234567-fffff800`01230000", 0x4567ULL},
    {"ffffffff`fffe3ae9", 0xfffffffffffe3ae9ULL}, {"-0n6046048151504", 0xfffffa804b729830ULL},
    {"0n48440", 0xbd38ULL}, {"0n140709230544752+8", 0x7ff96bb40778ULL},
    {"1\xe2\x80\x93" "1", 0x0ULL}, {"5 \xe2\x80\x93" " 2", 0x3ULL},
    {"\xe2\x80\x93" "1", 0xffffffffffffffffULL}, {"5\xe2\x88\x92" "2", 0x3ULL},
    {"5\xe2\x80\x94" "2", 0x3ULL}, {"5\xe2\x80\x91" "2", 0x3ULL},
    {"1\xc2\xa0" "+\xc2\xa0" "2", 0x3ULL}, {"\xc2\xa0" "7", 0x7ULL},
    {"1\xe2\x80\xaf" "+\xe2\x80\x89" "2", 0x3ULL},
    {"fffff800\xe2\x80\x98" "01234567", 0xfffff80001234567ULL},
    {"fffff800\xe2\x80\x99" "01234567", 0xfffff80001234567ULL},
    {"fffff800'01234567", 0xfffff80001234567ULL},
    {"0n\xe2\x80\x93" "1073741811", 0xffffffffc000000dULL}, {"\xef\xbb\xbf" "5", 0x5ULL},
    {"5\xe2\x80\x8b", 0x5ULL},
    {"$scmp(\xe2\x80\x9c" "a\xe2\x80\x9d" ", \xe2\x80\x9d" "a\xe2\x80\x9c" ")", 0x0ULL},
    {"$spat(\xe2\x80\x9c" "abc\xe2\x80\x9d" ",\"a*\")", 0x1ULL}, {"nt", 0xfffff80001800000ULL},
    {"NT", 0xfffff80001800000ULL}, {"nt+1000", 0xfffff80001801000ULL},
    {"nt+000182f0", 0xfffff800018182f0ULL}, {"nt + 0n16", 0xfffff80001800010ULL},
    {"nt!KeBugCheckEx", 0xfffff80001865f00ULL}, {"nt!kebugcheckex", 0xfffff80001865f00ULL},
    {"nt!KeBugCheckEx+0x23", 0xfffff80001865f23ULL}, {"nt!KeBugCheckEx-nt", 0x65f00ULL},
    {"KeBugCheckEx", 0xfffff80001865f00ULL}, {"!KeBugCheckEx", 0xfffff80001865f00ULL},
    {"!KeBugCheckEx+1", 0xfffff80001865f01ULL}, {"!fade", 0x5000ULL}, {"!fade+1", 0x5001ULL},
    {"nt!fade", 0x5000ULL}, {"fade+1", 0xfadfULL}, {"1+!fade", 0x5001ULL},
    {"1394ohci", 0xfffff88004400000ULL}, {"1394ohci+10", 0xfffff88004400010ULL},
    {"1394ohci!DriverEntry", 0xfffff88004401000ULL}, {"fade!x", 0x6000ULL},
    {"bad!feed", 0x7000ULL}, {"$!lime", 0x8000ULL},
    {"nt!?? ::FNODOBFM::`string'", 0xfffff80001900000ULL},
    {"nt! ?? ::FNODOBFM::`string'+0x12ff6", 0xfffff80001912ff6ULL},
    {"nt!  ??   ::FNODOBFM::`string'", 0xfffff80001900000ULL},
    {"nt!?? ::FNODOBFM::\xe2\x80\x98" "string\xe2\x80\x99", 0xfffff80001900000ULL},
    {"mod!Foo::Bar", 0x9000ULL}, {"mod!Foo::~Foo", 0x9100ULL}, {"mod!Foo::`vftable'", 0x9200ULL},
    {"mod!`anonymous namespace'::f", 0x9300ULL}, {"mod!`a::`b''::c", 0x9400ULL},
    {"mod!`a::`b''::c+1", 0x9401ULL}, {"mod!_stdcall@8", 0x9500ULL}, {"_stdcall@8", 0x9500ULL},
    {"mod!??_C@_0abc", 0x9600ULL}, {"@!\"mod!vector<int>::push_back\"", 0x9700ULL},
    {"@!\"mod!vector<int>::push_back\"+1", 0x9701ULL}, {"mod!caf\xc3\xa9", 0x9800ULL},
    {"a_b", 0x9900ULL}, {"ntoskrnl.exe", 0xfffff80001800000ULL},
    {"ntoskrnl.exe+8", 0xfffff80001800008ULL}, {"nt!=0", 0x1ULL}, {"nt!=nt", 0x0ULL},
    {"nt==nt", 0x1ULL}, {"nt!KeBugCheckEx!=nt!KeBugCheckEx", 0x0ULL},
    {"nt!KeBugCheckEx>nt", 0x1ULL}, {"(nt)", 0xfffff80001800000ULL}, {"nt&fff", 0x0ULL},
    {"nt mod 1000", 0x0ULL}, {"mod!Foo::Bar mod 1000", 0x0ULL}, {"low!x", 0xa000ULL},
    {"poi!x", 0xa100ULL}, {"not!x", 0xa200ULL}, {"@rax", 0x1000ULL}, {"@RAX", 0x1000ULL},
    {"rax", 0x1000ULL}, {"rip", 0xfffff80001865f00ULL}, {"rax+8", 0x1008ULL},
    {"@rax+@rbx", 0x1008ULL}, {"@rax*2", 0x2000ULL}, {"@rax-@rbx", 0xff8ULL},
    {"-@rbx", 0xfffffffffffffff8ULL}, {"@$t0", 0x5ULL}, {"$t0", 0x5ULL}, {"@$t0+1", 0x6ULL},
    {"@$T0", 0x5ULL}, {"@$ip", 0xfffff80001865f00ULL}, {"@ch", 0x77ULL}, {"@efl", 0x246ULL},
    {"efl", 0x246ULL}, {"zf", 0x1ULL}, {"@zf", 0x1ULL}, {"@rax!=1000", 0x0ULL},
    {"@rax=1000", 0x1ULL}, {"1000=@rax", 0x1ULL}, {"@rax & f000", 0x1000ULL},
    {"(@rax)", 0x1000ULL}, {"r8", 0x88ULL}, {"@r8+r8", 0x110ULL}, {"cl", 0xa300ULL},
    {"@cl", 0x55ULL}, {".", 0xfffff80001865f00ULL}, {".+5", 0xfffff80001865f05ULL},
    {"(.)", 0xfffff80001865f00ULL}, {". - .", 0x0ULL}, {"5+.", 0xfffff80001865f05ULL},
    {"by 1000", 0x10ULL}, {"by(1000)", 0x10ULL}, {"wo 1000", 0x1110ULL},
    {"dwo 1000", 0x13121110ULL}, {"qwo 1000", 0x1716151413121110ULL},
    {"poi 1000", 0x1716151413121110ULL}, {"poi(1000)", 0x1716151413121110ULL},
    {"poi(1000+8)", 0x1f1e1d1c1b1a1918ULL}, {"poi(@rax)", 0x1716151413121110ULL},
    {"poi @rax", 0x1716151413121110ULL}, {"poi@rax", 0x1716151413121110ULL},
    {"poi rax", 0x1716151413121110ULL}, {"poi(@rax)+8", 0x1716151413121118ULL},
    {"poi @rax+8", 0x1716151413121118ULL}, {"poi(@rax+@rbx)", 0x1f1e1d1c1b1a1918ULL},
    {"POI(1000)", 0x1716151413121110ULL}, {"Poi 1000", 0x1716151413121110ULL},
    {"by poi 2000", 0x10ULL}, {"poi(poi(2000))", 0x1716151413121110ULL},
    {"poi poi 2000", 0x1716151413121110ULL}, {"dwo(poi(2000)+4)", 0x17161514ULL},
    {"by(1000)+by(1001)", 0x21ULL}, {"by 1000 + by 1001", 0x21ULL},
    {"-by 1000", 0xfffffffffffffff0ULL}, {"not by 1000", 0x0ULL}, {"!by(1000)", 0x0ULL},
    {"!poi(1000)", 0x0ULL}, {"!poi(1000)+1", 0x1ULL}, {"hi dwo 1000", 0x1312ULL},
    {"low dwo 1000", 0x1110ULL}, {"poi[1000]", 0x1716151413121110ULL}, {"by 103f", 0x4fULL},
    {"wo 103e", 0x4f4eULL}, {"qwo(1038)", 0x4f4e4d4c4b4a4948ULL}, {"poi(mod!ptr)", 0x1000ULL},
    {"poi(mod!ptr)=@rax", 0x1ULL}, {"dwo(1000)>0n20", 0x1ULL}, {"$pby 1000", 0x90ULL},
    {"$pwo 1000", 0x9190ULL}, {"$pdwo 1000", 0x93929190ULL}, {"$pqwo 1000", 0x9796959493929190ULL},
    {"$ppoi 1000", 0x9796959493929190ULL}, {"$ppoi(1000)", 0x9796959493929190ULL},
    {"$PBY(1000)", 0x90ULL}, {"$pdwo(1000)&ff", 0x90ULL}, {"!$pby(1000)", 0x0ULL},
    {"$vvalid(1000,1)", 0x1ULL}, {"$vvalid(1000,40)", 0x1ULL}, {"$vvalid(1000,41)", 0x0ULL},
    {"$vvalid(fff,1)", 0x0ULL}, {"$vvalid(fff,2)", 0x0ULL}, {"$vvalid(1000,0)", 0x1ULL},
    {"$vvalid(0,0)", 0x1ULL}, {"$vvalid(1003, 0n10)", 0x1ULL}, {"$vvalid(@rax,@rbx)", 0x1ULL},
    {"$vvalid( 1000 , 8 ) + 1", 0x2ULL}, {"$vvalid(-1,1)", 0x0ULL}, {"$vvalid(-1,2)", 0x0ULL},
    {"$vvalid(-8,ffffffffffffffff)", 0x0ULL}, {"!$vvalid(0,1)", 0x1ULL},
    {"not $vvalid(1000,1)", 0x0ULL}, {"$VValid(1000,1)", 0x1ULL}, {"$vvalid (1000,1)", 0x1ULL},
    {"$scmp(\"a\",\"a\")", 0x0ULL}, {"$scmp(\"a\",\"b\")", 0xffffffffffffffffULL},
    {"$scmp(\"b\",\"a\")", 0x1ULL}, {"$scmp(\"a\",\"A\")", 0x1ULL}, {"$scmp(\"\",\"\")", 0x0ULL},
    {"$scmp(\"\",\"a\")", 0xffffffffffffffffULL}, {"$scmp( \"a b\" , \"a b\" )", 0x0ULL},
    {"$scmp(\"a\",\"a\")=0", 0x1ULL}, {"$sicmp(\"ABC\",\"abc\")", 0x0ULL},
    {"$sicmp(\"ABC\",\"abd\")", 0xffffffffffffffffULL}, {"$sicmp(\"abd\",\"ABC\")", 0x1ULL},
    {"$SICMP(\"x\",\"X\")", 0x0ULL}, {"$spat(\"notepad.exe\",\"note*\")", 0x1ULL},
    {"$spat(\"NOTEPAD\",\"*pad\")", 0x1ULL}, {"$spat(\"abc\",\"a?c\")", 0x1ULL},
    {"$spat(\"abc\",\"a[bx]c\")", 0x1ULL}, {"$spat(\"abc\",\"ab\")", 0x0ULL},
    {"$spat(\"\",\"\")", 0x1ULL}, {"$spat(\"\",\"*\")", 0x1ULL},
    {"$spat(\"(;)\",\"(*)\")", 0x1ULL}, {"$spat(\"a\",\"a\") and 1", 0x1ULL},
    {"$iment(nt)", 0xfffff80001800100ULL}, {"$iment(nt)+1", 0xfffff80001800101ULL},
    {"$iment( 1394ohci )", 0xfffff88004400100ULL},
    /* clang-format on */
};

static void expressions_have_their_values(void **state) {
    (void)state;
    struct sc_expr_env env = env64();
    assert_true(COUNT(rows64) > 400);
    check_rows(&env, rows64, COUNT(rows64));
}

static void the_base_is_that_of_unmarked_numbers_only(void **state) {
    (void)state;
    static const struct row ten[] = {
        {"10", 10},
        {"31+1", 32},
        {"0x10", 16},
        {"10h", 16},
        {"0t10", 8},
        {"0n10", 10},
        {"ffh", 255},
        {"0y10", 2},
        {"fade", 0x5000}, /* the symbol */
        {"0xfade", 0xfade},
        {"00000000`00000010", 16},
        {"fffff800`01234567", 0xfffff80001234567},
        {"18446744073709551615", UINT64_MAX},
        {"@rax+10", 0x100a},
        {"9*9", 81},
    };
    static const struct row eight[] = {
        {"10", 8}, {"777", 511}, {"0x9", 9}, {"0n9", 9}, {"7+1", 8}, {"9h", 9},
    };
    struct sc_expr_env env = env64();
    env.radix = 10;
    check_rows(&env, ten, COUNT(ten));
    env.radix = 8;
    check_rows(&env, eight, COUNT(eight));
}

static void a_32_bit_kernel_target_extends_signs(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"12345678", 0x12345678},
        {"7fffffff", 0x7fffffff},
        {"80000000", 0xffffffff80000000},
        {"890ABCDE", 0xffffffff890abcde},
        {"EEAA1122", 0xffffffffeeaa1122}, /* these four are the manual's */
        {"00000000EEAA1122", 0xffffffffeeaa1122},
        {"00000000`EEAA1122", 0xeeaa1122},
        {"0`EEAA1122", 0xeeaa1122},
        {"0xffffffff", UINT64_MAX},
        {"0n2147483648", 0xffffffff80000000},
        {"0n-5", UINT64_MAX - 4},
        {"100000000", 0x100000000},
        {"1234`80000000", 0x123480000000},
        {"( 0x0`FFFFFFFF & 80000000 )", 0x80000000},
        {"80000000+80000000", 0xffffffff00000000}, /* sums are not extended */
        {"7fffffff+1", 0x80000000},
        {"nt", 0xffffffff804d7000},
        {"nt=804d7000", 1},
        {"app", 0x400000},
        {"@eax", 0xffffffff80001234},
        {"eax", 0xffffffff80001234},
        {"@ebx", 0x1234},
        {"@al", 0x34},
        {"@$t0", 0x80000000},
        {"@$t1", 0xffffffff80000000},
        {"@$ip", 0xffffffff804d8000},
        {".", 0xffffffff804d8000},
        {"@$ip=.", 1},
        {"dwo 80001000", 0xf0},
        {"dwo 80001004", 0x80001000},
        {"poi 80001004", 0xffffffff80001000},
        {"poi(poi(80001004))", 0xf0},
        {"dwo(0`80001004)", 0x80001000},
        {"poi 1000", 0x13121110},
        {"qwo 1000", 0x1716151413121110},
        {"$pdwo 1000", 0x93929190},
        {"$ppoi 1000", 0xffffffff93929190},
        {"$vvalid(80001000,8)", 1},
        {"$vvalid(80001000,9)", 0},
        {"$vvalid(80001001,3)", 1},
        {"by ffffffff", 0xee},
        {"by ffffffff`ffffffff", 0xee},
        {"by 0`ffffffff", 0xee},
        {"$vvalid(ffffffff,1)", 1},
        {"$vvalid(ffffffff,2)", 0},
        {"$vvalid(1`00000000,1)", 0},
        {"$iment(nt)", 0xffffffff804d7100},
    };
    struct sc_expr_env env = env32(false);
    check_rows(&env, rows, COUNT(rows));
}

static void a_32_bit_user_target_extends_no_numbers(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"80000000", 0x80000000},
        {"ffffffff", 0xffffffff},
        {"00000000EEAA1122", 0xeeaa1122},
        {"@eax", 0xffffffff80001234},
        {"dwo 80001000", 0xf0},
        {"poi 80001004", 0xffffffff80001000},
        {"-1", UINT64_MAX},
        {"80000000/2", 0x40000000},
    };
    struct sc_expr_env env = env32(true);
    check_rows(&env, rows, COUNT(rows));
}

static void a_64_bit_target_extends_nothing(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"80000000", 0x80000000},
        {"dwo 80001004", 0x80001000},
        {"dwo 80001000", 0xf0},
    };
    struct sc_expr_env env = env64();
    check_rows(&env, rows, COUNT(rows));
}

static bool no_dot(void *ctx, uint64_t *ret_value) {
    (void)ctx;
    (void)ret_value;
    return false;
}

static void a_dot_without_a_place_is_the_instruction_pointer(void **state) {
    (void)state;
    static const struct row rows[] = {{".", 0xfffff80001865f00}};
    struct sc_expr_env env = env64();
    env.dot = NULL;
    check_rows(&env, rows, COUNT(rows));
    env.dot = no_dot;
    check_rows(&env, rows, COUNT(rows));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_their_values),
        cmocka_unit_test(the_base_is_that_of_unmarked_numbers_only),
        cmocka_unit_test(a_32_bit_kernel_target_extends_signs),
        cmocka_unit_test(a_32_bit_user_target_extends_no_numbers),
        cmocka_unit_test(a_64_bit_target_extends_nothing),
        cmocka_unit_test(a_dot_without_a_place_is_the_instruction_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
