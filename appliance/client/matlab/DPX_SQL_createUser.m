function link = DPX_SQL_createUser(login, rights)
%DPX_SQL_createUser  Make a user; gives the link that logs it in, once.
%   DPX_SQL_createUser('ann', 'read,write') also says what it may do in the current project:
%   some of read, write, batchtool, download, deanonym, admin.
  made = jsondecode(DPX_nora('--createSQLuser', login, '--json'));
  if nargin > 1
    DPX_nora('--setrights', login, rights);
  end
  link = made.link;
end
