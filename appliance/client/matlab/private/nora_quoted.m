function text = nora_quoted(word)
%nora_quoted  Put a word between quotes, so that a shell takes it as it is.
  text = ['''', strrep(char(word), '''', '''\'''''), ''''];
end
