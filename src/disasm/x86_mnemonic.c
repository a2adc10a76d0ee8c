/* SPDX-License-Identifier: MIT */
/*
 * Mnemonics of x86 and x64 as WinDbg writes them: Intel's names with MASM's choice among the
 * synonyms (je, not jz; jae, not jnb), string instructions without a size (their operands have
 * it), prefixes in front. Zydis uses other synonyms for some.
 */
#include <string.h>

#include "disasm/x86_impl.h"

bool sc_x86_is_string(const ZydisDecodedInstruction *in) {
    return in->meta.category == ZYDIS_CATEGORY_STRINGOP ||
           in->meta.category == ZYDIS_CATEGORY_IOSTRINGOP || in->mnemonic == ZYDIS_MNEMONIC_XLAT;
}

static const struct {
    ZydisMnemonic mnemonic;
    const char *name;
} other_name[] = {
    {ZYDIS_MNEMONIC_JZ, "je"},         {ZYDIS_MNEMONIC_JNZ, "jne"},
    {ZYDIS_MNEMONIC_JNB, "jae"},       {ZYDIS_MNEMONIC_JNBE, "ja"},
    {ZYDIS_MNEMONIC_JNL, "jge"},       {ZYDIS_MNEMONIC_JNLE, "jg"},
    {ZYDIS_MNEMONIC_SETZ, "sete"},     {ZYDIS_MNEMONIC_SETNZ, "setne"},
    {ZYDIS_MNEMONIC_SETNB, "setae"},   {ZYDIS_MNEMONIC_SETNBE, "seta"},
    {ZYDIS_MNEMONIC_SETNL, "setge"},   {ZYDIS_MNEMONIC_SETNLE, "setg"},
    {ZYDIS_MNEMONIC_CMOVZ, "cmove"},   {ZYDIS_MNEMONIC_CMOVNZ, "cmovne"},
    {ZYDIS_MNEMONIC_CMOVNB, "cmovae"}, {ZYDIS_MNEMONIC_CMOVNBE, "cmova"},
    {ZYDIS_MNEMONIC_CMOVNL, "cmovge"}, {ZYDIS_MNEMONIC_CMOVNLE, "cmovg"},
    {ZYDIS_MNEMONIC_INT1, "int"},      {ZYDIS_MNEMONIC_INT3, "int"},
    {ZYDIS_MNEMONIC_FWAIT, "wait"},    {ZYDIS_MNEMONIC_SALC, "setalc"},
};

static const char *string_name(ZydisMnemonic m) {
    switch (m) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ: return "movs";
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
    case ZYDIS_MNEMONIC_CMPSQ: return "cmps";
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ: return "stos";
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
    case ZYDIS_MNEMONIC_LODSQ: return "lods";
    case ZYDIS_MNEMONIC_SCASB:
    case ZYDIS_MNEMONIC_SCASW:
    case ZYDIS_MNEMONIC_SCASD:
    case ZYDIS_MNEMONIC_SCASQ: return "scas";
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INSD: return "ins";
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_OUTSD: return "outs";
    default: return NULL;
    }
}

/* `66 90` and `48 90` exchange a register with itself, and are shown so. */
static const char *exchange_name(const ZydisDecodedInstruction *in) {
    bool plain = in->mnemonic == ZYDIS_MNEMONIC_NOP && in->opcode == 0x90 &&
                 in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
    return plain && in->operand_width != 32 ? "xchg" : NULL;
}

static const char *name_of(const struct sc_x86_insn *x) {
    const ZydisDecodedInstruction *in = &x->in;
    const char *name = sc_x86_is_string(in) ? string_name(in->mnemonic) : exchange_name(in);
    if (name)
        return name;
    if (in->mnemonic == ZYDIS_MNEMONIC_RET && in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return "retf";
    for (size_t i = 0; i < sizeof other_name / sizeof *other_name; i++)
        if (other_name[i].mnemonic == in->mnemonic)
            return other_name[i].name;
    name = x->x86->z.mnemonic(in->mnemonic);
    return name ? name : "???";
}

/* `rep ret` is an old idiom: the prefix does nothing there, but is shown. */
static bool is_rep_ret(const ZydisDecodedInstruction *in) {
    return in->mnemonic == ZYDIS_MNEMONIC_RET && in->raw.prefix_count &&
           in->raw.prefixes[0].value == 0xf3;
}

void sc_x86_mnemonic(const struct sc_x86_insn *x, struct sc_dtext *t) {
    static const struct {
        ZydisInstructionAttributes bit;
        const char *text;
    } prefix[] = {
        {ZYDIS_ATTRIB_HAS_XACQUIRE, "xacquire "}, {ZYDIS_ATTRIB_HAS_XRELEASE, "xrelease "},
        {ZYDIS_ATTRIB_HAS_LOCK, "lock "},         {ZYDIS_ATTRIB_HAS_REP, "rep "},
        {ZYDIS_ATTRIB_HAS_REPE, "repe "},         {ZYDIS_ATTRIB_HAS_REPNE, "repne "},
        {ZYDIS_ATTRIB_HAS_BND, "bnd "},           {ZYDIS_ATTRIB_HAS_NOTRACK, "notrack "},
    };
    const ZydisInstructionAttributes any = ZYDIS_ATTRIB_HAS_XACQUIRE | ZYDIS_ATTRIB_HAS_XRELEASE |
                                           ZYDIS_ATTRIB_HAS_LOCK | ZYDIS_ATTRIB_HAS_REP |
                                           ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE |
                                           ZYDIS_ATTRIB_HAS_BND | ZYDIS_ATTRIB_HAS_NOTRACK;
    if (x->in.attributes & any)
        for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
            if (x->in.attributes & prefix[i].bit)
                sc_dtext_puts(t, prefix[i].text);
    if (is_rep_ret(&x->in))
        sc_dtext_puts(t, "rep ");
    sc_dtext_puts(t, name_of(x));
}
