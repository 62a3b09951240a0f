#compdef PROGRAM
# Completes command lines of PROGRAM in zsh.
_PROGRAM() {
    local -a ends goes_on labels
    local candidate about files=0
    while IFS=$'\t' read -r candidate about; do
        if [[ $candidate == :files ]]; then
            files=1
        elif [[ $candidate == *[/=] ]]; then
            goes_on+=("$candidate")
        else
            ends+=("$candidate")
            labels+=("$candidate${about:+  -- $about}")
        fi
    done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#goes_on} )) && compadd -S '' -a goes_on
    (( ${#ends} )) && compadd -l -d labels -a ends
    (( files )) && { compset -P '*[=@]'; _files }
    return 0
}
if [[ ${funcstack[1]-} == _PROGRAM ]]; then
    _PROGRAM "$@"
elif (( ${+functions[compdef]} )); then
    compdef _PROGRAM PROGRAM
fi
