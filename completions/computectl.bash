# shellcheck shell=bash
# Completion for computectl, for bash 4.4 and later; it needs no other package. Verbs, options and their fixed words are those of
# `computectl help all`, names those of the daemon that the line is for. Nothing that comes from either is evaluated.

# ---- the line ----

# Splits the line as the shell would, up to the cursor: the complete words without their quotes into `words`, the last one, which
# may be unfinished, into `typed`. `quote` is the quote that is still open in it. `stem` is what readline will replace, as it was
# typed: what stands behind the open quote, or behind the last character that breaks words. `is_closed`: a quote was closed in it.
_computectl_split() {
    local line=${COMP_LINE:0:COMP_POINT} char i has_word=''
    words=() typed='' quote='' stem='' is_closed=''
    for ((i = 0; i < ${#line}; i++)); do
        char=${line:i:1}
        if [[ -n $quote && $char == "$quote" ]]; then
            quote='' stem='' is_closed=yes
        elif [[ $char == \\ && $quote != \' ]]; then
            i=$((i + 1)) has_word=yes stem+=$char${line:i:1}
            # Between double quotes it stands for itself before all but a few.
            [[ $quote == '"' && ${line:i:1} != [\"\$\`\\] ]] && typed+=\\
            typed+=${line:i:1}
        elif [[ -z $quote && $char == [\'\"] ]]; then
            quote=$char stem='' has_word=yes
        elif [[ -z $quote && $char == [[:blank:]] ]]; then
            [[ -n $has_word ]] && words+=("$typed")
            typed='' stem='' has_word='' is_closed=''
        else
            typed+=$char stem+=$char has_word=yes
            [[ -z $quote && $COMP_WORDBREAKS == *"$char"* ]] && stem=''
        fi
    done
}

# What `typed` lacks of a word, written so that it can stand behind it.
_computectl_quoted() {
    local rest=$1
    case $quote in
    \')
        rest=${rest//\'/\'\\\'\'}
        ;;
    \")
        rest=${rest//\\/\\\\} rest=${rest//\"/\\\"} rest=${rest//\$/\\\$} rest=${rest//\`/\\\`}
        rest=${rest//!/\"\\!\"}
        ;;
    *)
        [[ -n $rest ]] && printf -v rest %q "$rest"
        ;;
    esac
    printf %s "$rest"
}

# Those of the given words that begin with what is typed.
_computectl_offer() {
    local word
    for word; do
        [[ $word == "$typed"* ]] && COMPREPLY+=("$stem$(_computectl_quoted "${word:${#typed}}")")
    done
}

# The daemon's names of one noun. It has a second to answer, or $COMPUTED_COMPLETION_S; what goes wrong is not for this place.
_computectl_offer_names() {
    local -a names
    mapfile -t names < <(timeout "${COMPUTED_COMPLETION_S:-1}" "$program" "${globals[@]}" "$1" list --names </dev/null 2>/dev/null)
    _computectl_offer "${names[@]}"
}

# ---- the verbs ----

# Lines that begin a verb are less indented than those that go on with it, and an empty one ends them; that of "..." is what every
# verb takes. Brackets are of no use here.
_computectl_read_verbs() {
    local line first second rest key=''
    while IFS= read -r line; do
        line=${line//[][()]/ }
        read -r first second rest <<<"$line"
        if [[ $line == '  computectl '* ]]; then
            read -r _ first second rest <<<"$line"
            key=$first
            if [[ $second == [[:lower:]]* ]]; then
                key+=" $second"
            else
                rest="$second $rest"
            fi
            synopsis_of[$key]=$rest
        elif [[ -z $line ]]; then
            key=''
        elif [[ -n $key ]]; then
            synopsis_of[$key]+=" $line"
        fi
    done < <("$program" help all </dev/null 2>/dev/null)
}

# Adds what a synopsis says: operands to `operands`, options to `takes`, each with the word for its value. That of a flag is
# empty, and that of a value which may be left out, as in --wait=ready, begins with "=".
_computectl_read_synopsis() {
    local word option=''
    local -a synopsis
    read -r -a synopsis <<<"$1"
    for word in "${synopsis[@]}"; do
        word=${word%...}
        if [[ $word == --* ]]; then
            option=$word takes[$option]=${takes[$option]-}
        elif [[ -n $word && $word != '|' && $word != ,* ]]; then
            if [[ -n $option ]]; then
                takes[$option]=$word
            else
                operands+=("$word")
            fi
            option=''
        fi
    done
}

# Goes through the complete words: what chooses daemon and project into `globals`, verb and operands into `said`, the option that
# waits for its value into `open`.
_computectl_walk() {
    local word value i
    for ((i = 1; i < ${#words[@]}; i++)); do
        word=${words[i]}
        value=${takes[${word:-none}]-}
        if [[ -n $open ]]; then
            [[ $open == @(--url|--cacert|--project) ]] && globals+=("$open" "$word")
            open=''
        elif [[ $word == -- ]]; then
            said+=("${words[@]:i+1}") is_literal=yes
            return
        elif [[ $word == @(--url=*|--cacert=*|--project=*|--all-projects) ]]; then
            globals+=("$word")
        elif [[ $word != -* ]]; then
            said+=("$word")
        elif [[ $value == =* && -n ${words[i + 1]-} && "|${value#=}|" == *"|${words[i + 1]}|"* ]]; then
            i=$((i + 1))
        elif [[ $value != =* ]]; then
            open=${value:+$word}
        fi
    done
}

# ---- what comes next ----

# The words of a verb that is not whole yet.
_computectl_offer_verbs() {
    local key first second
    local -A next=()
    for key in "${!synopsis_of[@]}"; do
        read -r first second <<<"$key"
        if [[ $# -eq 0 ]]; then
            next[$first]=1
        elif [[ $# -eq 1 && $first == "$1" && -n $second ]]; then
            next[$second]=1
        fi
    done
    unset 'next[...]'
    _computectl_offer "${!next[@]}"
}

# What stands where a synopsis has `place`, behind an option or as an operand of a noun's verb.
_computectl_offer_place() {
    local place=$1 option=$2 noun=$3 verb=$4
    local -a fixed
    if [[ $place == FILE ]]; then
        compopt -o default # readline's own, which knows how to quote them
    elif [[ $place == *'|'* && $place != *=* ]]; then
        IFS='|' read -r -a fixed <<<"${place,,}"
        _computectl_offer "${fixed[@]}"
    elif [[ $option == --@(image|flavor|keypair|network|project|user) ]]; then
        _computectl_offer_names "${option#--}"
    elif [[ $place == @(USER|PROJECT) ]]; then
        _computectl_offer_names "${place,,}"
    elif [[ $place == ROLE ]]; then
        _computectl_offer reader member admin
    elif [[ $place == NAME && $verb != @(create|import) ]]; then
        _computectl_offer_names "$noun"
    fi
}

# An operand of the verb that was said, or one of its options.
_computectl_offer_rest() {
    local -a key
    read -r -a key <<<"$1"
    local at=$((${#said[@]} - ${#key[@]}))
    if [[ $typed != -* && $at -lt ${#operands[@]} ]]; then
        _computectl_offer_place "${operands[at]}" '' "${key[0]}" "${key[1]-}"
    elif [[ -z $is_literal ]]; then
        _computectl_offer "${!takes[@]}"
    fi
}

_computectl_offer_value() {
    local option=$1 value=${takes[$1]-}
    [[ -n $value ]] && _computectl_offer_place "${value#=}" "$option" '' ''
}

_computectl() {
    local IFS=$' \t\n' typed='' quote='' stem='' open='' is_closed='' is_literal='' key program=${1/#\~/"$HOME"}
    local -a words=() said=() globals=() operands=()
    local -A synopsis_of=() takes=()
    COMPREPLY=()
    _computectl_split
    [[ -z $is_closed ]] || return 0 # what readline would replace then, only readline knows
    _computectl_read_verbs
    for key in "${!synopsis_of[@]}"; do
        _computectl_read_synopsis "${synopsis_of[$key]}"
    done
    _computectl_walk # where values are does not hang on the verb, which may come behind them
    key=${said[*]:0:2}
    [[ -n ${said[0]-} && -n ${synopsis_of[${said[0]}]+set} ]] && key=${said[0]}
    takes=() operands=()
    _computectl_read_synopsis "${synopsis_of[${key:-...}]-} ${synopsis_of[...]-}"
    if [[ -n $open ]]; then
        _computectl_offer_value "$open"
    elif [[ -z $is_literal && $typed == --*=* ]]; then
        open=${typed%%=*} typed=${typed#*=}
        _computectl_offer_value "$open"
    elif [[ ${said[0]-} == help ]]; then
        [[ ${#said[@]} -eq 1 ]] && _computectl_offer all
        _computectl_offer_verbs "${said[@]:1}"
    elif [[ -n $key && -n ${synopsis_of[$key]+set} ]]; then
        _computectl_offer_rest "$key"
    elif [[ $typed == -* && -z $is_literal ]]; then
        _computectl_offer "${!takes[@]}"
    else
        [[ ${#said[@]} -eq 0 ]] && _computectl_offer help
        _computectl_offer_verbs "${said[@]}"
    fi
}

complete -F _computectl computectl
